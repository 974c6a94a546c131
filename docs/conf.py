"""Sphinx configuration."""

import sys
from pathlib import Path

from superionic import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "superionic"
author = "The superionic developers"
copyright = "2026, the superionic developers"
release = version = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "automodules",
    "model_fields",
    "reexports",
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_static_path = ["_static"]
html_title = "superionic"

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_mock_imports = ["torch", "mace", "chgnet", "e3nn"]
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config"}
napoleon_google_docstring = False
napoleon_preprocess_types = False

# Every link inside the site and every mention of a name of superionic must lead somewhere. Names of other packages are
# not looked up: that needs their inventories, hence a network.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!superionic\.).*")]
suppress_warnings = ["ref.python"]  # attributes of the same name in two classes

linkcheck_anchors = False
linkcheck_ignore = [r"https://doi\.org/.*"]  # publishers answer robots with 403; tests check the form of each DOI
