"""How Sphinx builds the site: `make docs`.

The source folder is the root of the repository, so that a link from page to page is the same file
here and on a code host, and README, DESIGN and the notebooks are pages without a copy.
"""

import os
from importlib.metadata import version as version_of
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docutils.nodes import document
    from sphinx.application import Sphinx

HERE = Path(__file__).parent

project = "rangebar-polars"
author = "The authors of rangebar-polars"
project_copyright = author
version = release = version_of("rangebar-polars")

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
]

root_doc = "docs/index"
include_patterns = ["*.md", "benches/RESULTS.md", "docs/**", "examples/*.ipynb"]
exclude_patterns = [".*", "_site", "dist", "docs/_templates", "target"]
# The templates of the API are sought from the root, those of pages from this folder.
templates_path = [str(HERE / "_templates")]

myst_heading_anchors = 3
# A notebook is stored without outputs; it reads the sample of trades beside it, and no network.
nb_execution_mode = "force"
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_merge_streams = True

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
default_role = "autolink"
maximum_signature_line_length = 80
numpydoc_show_class_members = False
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = f"rangebar-polars {release}"
html_additional_pages = {"index": "redirect.html"}
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"

# What checks external links: `make links`. Addresses that stand for one of your own are no links.
# Names of Polars lead to the pages that describe them, which have no anchors for these names.
linkcheck_anchors = False
linkcheck_ignore = [r"https?://(localhost|user:password@|host)"]

# The parts of the inventories of Polars and Python that the API refers to, as the site is built
# offline.
intersphinx_mapping = {
    "polars": ("https://docs.pola.rs/api/python/stable/", "docs/inventories/polars.txt"),
    "python": ("https://docs.python.org/3/", "docs/inventories/python.txt"),
}


def without_last_empty_lines(_: "Sphinx", page: "document") -> None:
    """Remove the empty line that ends a doctest on a page."""
    from docutils.nodes import Text, literal_block  # noqa: PLC0415 - pytest imports this file too

    for block in page.findall(literal_block):
        block.rawsource = block.astext().rstrip("\n")
        block.children = [Text(block.rawsource)]


def draw_charts_as_pictures(app: "Sphinx") -> None:
    """Let notebooks show charts as SVG, as the HTML of Altair loads JavaScript from a server."""
    settings = TemporaryDirectory()
    startup = Path(settings.name) / "profile_default" / "startup"
    startup.mkdir(parents=True)
    text = "import altair\n\naltair.renderers.enable('svg')\n"
    (startup / "charts.py").write_text(text, encoding="utf-8")
    os.environ["IPYTHONDIR"] = settings.name
    app.connect("build-finished", lambda *_: settings.cleanup())


def setup(app: "Sphinx") -> None:
    """Add what no extension does."""
    draw_charts_as_pictures(app)
    app.connect("doctree-read", without_last_empty_lines)
