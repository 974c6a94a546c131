"""Sphinx extension: document all modules whose names fit a pattern, so that new ones appear by themselves.

.. automodules:: superionic.*.jobs superionic.flows.*
   :without: superionic.flows.stages
"""

import pkgutil
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import superionic


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("automodules", AutoModules)
    return {"parallel_read_safe": True}


def modules(patterns: Iterable[str], without: Iterable[str] = ()) -> list[str]:
    """Names of the public modules of superionic that fit a pattern, none of them imported."""
    excluded = tuple(without)
    walk = pkgutil.walk_packages(superionic.__path__, "superionic.")
    names = sorted(info.name for info in walk if not info.ispkg and "._" not in info.name)
    found = (name for pattern in patterns for name in names if _fits(name, pattern))
    return [name for name in dict.fromkeys(found) if not any(_fits(name, pattern) for pattern in excluded)]


def _fits(name: str, pattern: str) -> bool:
    return name.count(".") == pattern.count(".") and fnmatchcase(name, pattern)


class AutoModules(SphinxDirective):
    """One ``automodule`` with all members for each module."""

    has_content = False
    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"without": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Parse the directives that this one stands for."""
        found = modules(self.arguments[0].split(), self.options.get("without", "").split())
        lines = [line for name in found for line in (f".. automodule:: {name}", "   :members:", "")]
        return self.parse_text_to_nodes("\n".join(lines))
