"""Sphinx configuration: Markdown by myst, and `reference.py` beside this file for what is generated from the code."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from webiml import __version__

project = "webiml"
author = "The webiml authors"
copyright = "The webiml authors, Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference"]
exclude_patterns = ["_build", "figures.md"]  # figures.md is included by a page
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

smartquotes = False  # they would turn the two dashes of a flag into one long one

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"webiml {__version__}"
html_copy_source = False
