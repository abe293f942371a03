"""The documentation site: the Markdown documents where they lie, and a reference from docstrings.

    make docs

The source folder is the project's, so that links between documents, and from them to examples and
tests, are the same here as in the repository.  Nothing is fetched while it is built.
"""

from pathlib import Path

import fastnn

ROOT = Path(__file__).parents[2]

project = "fastnn"
author = copyright = "fastnn developers"
version = release = fastnn.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
root_doc = "docs/site/index"
include_patterns = ["*.md", "docs/**", "bench/*.md"]
exclude_patterns = ["docs/site/root", "docs/site/_templates", "docs/pictures"]
templates_path = [str(ROOT / "docs/site/_templates")]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_heading_anchors = 4
suppress_warnings = [
    "myst.xref_missing",  # folders, of which a site has no page
    "ref.ref",  # what scikit-learn's docstrings refer to
    "ref.term",
]

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # signatures have them
autodoc_member_order = "groupwise"
autodoc_inherit_docstrings = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "fastnn"
html_extra_path = ["root"]
html_show_sourcelink = False
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
