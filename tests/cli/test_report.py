"""`jaxsample report`: a page, or one clear line."""

import pytest

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

from tests.study import example  # noqa: E402


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return example.write(tmp_path_factory.mktemp("results") / "edt")


def test_a_page_is_written_and_named(cli, results, tmp_path):
    path = tmp_path / "page.html"
    status, out, err = cli("report", results, "-o", path)
    assert (status, out) == (0, "")
    assert err == f"wrote {path}, {path.stat().st_size / 1e6:.1f} MB\n"
    assert path.read_text().startswith("<!doctype html>")


def test_the_page_is_written_where_one_stands_by_default(cli, results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli("report", results, results).status == 0
    assert "2 studies" in (tmp_path / "report.html").read_text()


def refused(run, line):
    assert run.status == 2 and run.out == ""
    assert run.err == f"jaxsample: {line}\n"


def test_a_folder_without_results_is_refused(cli, tmp_path):
    line = f"{tmp_path} holds no results: there is no results.json"
    refused(cli("report", tmp_path, "-o", tmp_path / "page.html"), line)
    assert not (tmp_path / "page.html").exists()


def test_results_of_something_else_are_refused(cli, tmp_path):
    path = tmp_path / "results.json"
    path.write_text("{}")
    line = f"{path} is not the results of a study: study is missing"
    refused(cli("report", tmp_path, "-o", tmp_path / "page.html"), line)


@pytest.mark.parametrize(
    "content",
    [b"", b"5", b"[]", b"\xff\xfe{\x00}\x00", b"[" * 100_000, b'{"study": 5}'],
    ids=["empty", "number", "list", "UTF-16", "deep", "field"],
)
def test_a_file_that_holds_no_results_is_one_line_that_names_it(cli, tmp_path, content):
    path = tmp_path / "results.json"
    path.write_bytes(content)
    status, out, err = cli("report", tmp_path, "-o", tmp_path / "page.html")
    assert (status, out) == (2, "")
    assert err.startswith(f"jaxsample: {path} is not ") and err.count("\n") == 1


def test_a_digest_that_is_a_number_is_refused(cli, tmp_path):
    model = example.results()["model"] | {"digest": 5}
    folder = example.write(tmp_path / "edt", {"model": model})
    line = "is not the results of a study: model.digest must be a text, got 5"
    refused(cli("report", folder, "-o", tmp_path / "p.html"), f"{folder / 'results.json'} {line}")


def test_a_page_nowhere_is_refused(cli, results, tmp_path):
    missing = tmp_path / "missing"
    line = f"-o: there is no folder {missing}"
    refused(cli("report", results, "-o", missing / "page.html"), line)
    refused(cli("report", results, "-o", tmp_path), f"-o: {tmp_path} is a folder")


def test_a_missing_library_is_named_with_its_extra(cli, results, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "jinja2", None)
    line = "a report needs: pip install 'jaxsample[study]'"
    refused(cli("report", results, "-o", tmp_path / "page.html"), line)
