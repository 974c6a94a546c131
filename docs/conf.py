"""Sphinx configuration."""

from superionic import __version__

project = "superionic"
author = "The superionic developers"
copyright = "2026, the superionic developers"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_static_path = ["_static"]
html_title = "superionic"
exclude_patterns = ["_build"]
autodoc_typehints = "description"
autodoc_mock_imports = ["torch", "mace", "chgnet", "e3nn"]
autodoc_member_order = "bysource"
napoleon_google_docstring = False
suppress_warnings = ["myst.xref_missing", "ref.python"]  # ref.python: attributes of the same name in two classes
