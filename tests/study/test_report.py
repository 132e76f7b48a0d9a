"""Reading results, formatting tables, and the HTML file of a report."""

import csv
import io
import json
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

from jaxsample.study import PROTOCOLS, read_results  # noqa: E402
from jaxsample.study.show.report._tables import as_csv, read_columns  # noqa: E402
from tests.study import example  # noqa: E402

# Reading results.json


def without(path):
    """The example's results without one field."""
    data = example.results()
    *way, last = path
    place = data
    for step in way:
        place = place[step]
    del place[last]
    return data


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (["title"], "title is missing"),
        (["model", "name"], "model.name is missing"),
        (["tables", 1, "columns", 0, "title"], "tables[1].columns[0].title is missing"),
        (["charts", 2, "spec"], "charts[2].spec is missing"),
        (["texts", 0, "samples", 1, "pieces"], "texts[0].samples[1].pieces is missing"),
        (["notes"], "notes is missing"),
    ],
)
def test_a_missing_field_is_named(tmp_path, path, message):
    (tmp_path / "results.json").write_text(json.dumps(without(path)))
    with pytest.raises(ValueError, match=re.escape(f"is not the results of a study: {message}")):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tables": {}}, "tables must be a list"),
        ({"notes": [1]}, "notes[0] must be a text"),
        ({"model": "stories"}, "model must be an object"),
    ],
)
def test_a_field_of_another_kind_is_named(tmp_path, change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_results(example.write(tmp_path, change))


def test_values_of_tokens_are_as_many_as_the_tokens(tmp_path):
    texts = example.results()["texts"]
    texts[2]["samples"][1]["entropy"].pop()
    message = r"texts\[2\]\.samples\[1\]\.entropy must be a list of \d+ values, one for each piece"
    with pytest.raises(ValueError, match=message):
        read_results(example.write(tmp_path, {"texts": texts}))


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_file_that_holds_no_results_is_refused(tmp_path, text):
    (tmp_path / "results.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="results.json is not"):
        read_results(tmp_path)


def test_numbers_json_lacks_are_read_as_the_format_writes_them(tmp_path):
    data = example.results() | {"more": [float("nan"), float("inf"), -float("inf")]}
    (tmp_path / "results.json").write_text(json.dumps(data))
    assert read_results(tmp_path)["more"] == [None, "inf", "-inf"]


# Formatting tables


def texts_of(*values, unit=None):
    column = {"name": "a", "title": "a"} | ({"unit": unit} if unit else {})
    (read,) = read_columns({"columns": [column], "rows": [{"a": value} for value in values]})
    return [cell.text + cell.interval for cell in read.cells]


def test_numbers_of_a_column_share_their_decimals():
    assert texts_of(31.234, 8.5, -102.0) == ["31.2", "8.5", "−102.0"]
    assert texts_of(0.5, 1.0) == ["0.5", "1.0"]
    assert texts_of(0.03125, 0.5, None, "inf") == ["0.031", "0.500", "–", "∞"]
    assert texts_of(900_000, 12) == ["900,000", "12"]
    assert texts_of(3e-9, 2e-9) == ["3e−09", "2e−09"]
    assert texts_of("T 0.5", 3) == ["T 0.5", "3"]
    assert texts_of(None) == ["–"]


def test_decimals_tell_the_ends_of_an_interval_apart():
    assert texts_of({"value": 31.2, "ci": [31.19, 31.21]}) == ["31.200[31.190, 31.210]"]
    assert texts_of({"value": 31, "ci": [20, "inf"]}) == ["31.0[20.0, ∞]"]


def test_csv_holds_the_numbers_unrounded():
    table = example.results()["tables"][0]
    read = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert list(read[0])[:5] == ["setting", "rouge_l", "rouge_l_low", "rouge_l_high", "self_bleu"]
    for row, expected in zip(read, table["rows"], strict=True):
        assert row["setting"] == expected["setting"]
        assert float(row["rouge_l"]) == expected["rouge_l"]["value"]
        assert float(row["rouge_l_high"]) == expected["rouge_l"]["ci"][1]
    assert [row["perplexity"] for row in read].count("inf") == 1
    assert [row["texts"] for row in read].count("") == 1


# The HTML file of a report


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of the example."""
    return example.write_pages(tmp_path_factory.mktemp("report"))


class Outline(HTMLParser):
    """The tags of a page, its addresses and its headings."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.headings = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("href", "src")]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_page_points_nowhere_but_to_itself(pages, name):
    outline = Outline((pages / f"{name}.html").read_text())
    assert outline.addresses
    assert all(a.startswith(("#", "data:text/csv")) for a in outline.addresses)
    assert not {"link", "img", "iframe"} & set(outline.tags)


def test_many_rows_are_named_but_not_carried(pages):
    text = (pages / "two.html").read_text()
    assert "too large to include in this page" in text and "x" * 100 not in text


def test_a_page_is_smaller_than_two_megabytes(pages):
    assert (pages / "one.html").stat().st_size < 2_000_000


# The reports on the site


DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def conf():
    """The names of the site's configuration."""
    return runpy.run_path(str(DOCS / "conf.py"))


def test_building_the_site_writes_a_report_of_every_study(conf, tmp_path):
    example.write(tmp_path / "docs" / "studies" / "edt")
    builder = SimpleNamespace(format="html")
    app = SimpleNamespace(srcdir=tmp_path / "docs", outdir=tmp_path / "site", builder=builder)
    conf["write_reports"](app, None)
    page = tmp_path / "site" / "studies" / "edt" / "report.html"
    assert page.read_text().startswith("<!doctype html>")


def test_the_site_links_to_the_report_of_every_study(conf):
    source = [(DOCS / "studies" / "README.md").read_text()]
    conf["link_within_the_site"](None, "studies/README", source)
    folders = [path.parent for path in DOCS.glob("studies/*/results.json")]
    for results in map(read_results, folders):  # what is committed is what a study would write
        assert results["about"] == " ".join(PROTOCOLS[results["study"]].about.split())
    links = re.findall(r'href="([^"]*)"', source[0])
    assert sorted(links) == sorted(f"{folder.name}/report.html" for folder in folders)
