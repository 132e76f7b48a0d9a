"""The report: one HTML file with markup, style, scripts and data."""

from __future__ import annotations

import functools
import urllib.parse
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jaxsample.study.show.charts._picture import vega_config
from jaxsample.study.show.report._contents import read_results, rows
from jaxsample.study.show.report._tables import as_csv, read_columns


def write_report(folders: Sequence[str | Path], path: str | Path) -> int:
    """Write a report of one or more studies.

    The report is one HTML page that needs no network. Texts of models are shown as text: escaping
    and a content security policy keep them from running as code.

    Args:
        folders: the folders that the studies wrote. Each holds a results.json.
        path: the HTML file to write.

    Returns:
        the size of the page in bytes.

    Raises:
        ValueError: if a folder holds no results, or the page cannot be written.
        ImportError: if the libraries of the extra "study" are not installed.

    >>> from jaxsample.study import write_report
    >>> write_report(["nowhere"], "report.html")
    Traceback (most recent call last):
    ValueError: nowhere holds no results: there is no results.json
    """
    text = page(folders).encode()
    try:
        Path(path).write_bytes(text)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror})") from None
    return len(text)


def page(folders: Sequence[str | Path]) -> str:
    """Return the report of some studies as HTML; the arguments and errors of `write_report`.

    >>> from jaxsample.study.show.report._page import page
    >>> page([])
    Traceback (most recent call last):
    ValueError: a report needs the results of a study
    """
    if not folders:
        raise ValueError("a report needs the results of a study")
    studies = [read_results(folder) for folder in folders]
    try:
        import jinja2

        vega = _vega()
    except ImportError as error:
        raise ImportError("a report needs: pip install 'jaxsample[study]'") from error
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"columns": read_columns, "csv_link": _csv_link, "size": _size}
    files = [rows(folder) for folder in folders]
    title = studies[0]["title"] if len(studies) == 1 else f"{len(studies)} studies"
    return environment.from_string(_file("page.html")).render(
        title=title,
        studies=studies,
        files=files,
        rows=[file and file.text for file in files],
        config=vega_config("var(--ink)", "var(--line)"),
        css=_file("page.css"),
        scripts=[_file("charts.js"), _file("page.js")],
        vega=vega,
    )


@functools.cache
def _vega():
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script")  # it would end the script element


def _file(name):
    return (resources.files("jaxsample.study.show.report") / name).read_text(encoding="utf-8")


def _csv_link(table):
    return "data:text/csv;charset=utf-8," + urllib.parse.quote(as_csv(table))


def _size(count):
    if count < 1e5:
        return f"{count:,} bytes"
    return f"{count / 1e6:.1f} MB"
