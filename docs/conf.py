"""How Sphinx makes the site out of this folder; `make docs` runs it."""

from importlib import metadata

project = "jaxsample"
author = "the jaxsample authors"
version = release = metadata.version("jaxsample")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]

# Docstrings are read in a terminal as well: a single backtick means code there.
default_role = "code"
napoleon_attr_annotations = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
python_maximum_signature_line_length = 120
toc_object_entries_show_parents = "hide"

# A notebook that raises, or runs for five minutes, fails the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_title = "jaxsample"
html_theme_options = {"show_toc_level": 2, "use_download_button": False, "navbar_persistent": []}
html_copy_source = False


def setup(app):
    app.connect("source-read", within_the_site)


def within_the_site(app, page, source):
    """Point links to the table of results, which lies outside of this folder, at its page."""
    for up in ("", "../"):
        source[0] = source[0].replace(f"({up}../benchmarks/results/README.md)", f"({up}results.md)")
