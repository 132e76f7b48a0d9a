"""Reading prompts from JSON Lines, CSV and datasets folders, and errors of bad lines."""

import json
import shutil
import sys

import pytest

from jaxsample.study import Item, read, read_each


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_jsonl_with_all_fields(write):
    records = [
        {"q": "Tom went", "a": "home", "bare": "", "key": "x", "more": [1]},
        {"q": "Anna ran", "a": ["far", "", "away"], "bare": "ran", "key": 7},
        {"q": " Ünï 北京 ", "a": None, "bare": "b", "key": "y"},
        {"q": "no reference", "bare": "b", "key": "z"},
    ]
    path = write("some.jsonl", lines(*records))
    got = read(path, prompt="q", reference="a", without="bare", id="key")
    assert got.items == [
        Item("x", "Tom went", ("home",), ""),
        Item("7", "Anna ran", ("far", "away"), "ran"),
        Item("y", " Ünï 北京 ", (), "b"),
        Item("z", "no reference", (), "b"),
    ]
    assert got.skipped == {}


def test_jsonl_with_the_line_ends_of_any_editor(write):
    """Read a byte order mark, CRLF, blank lines, no final newline and U+2028 in a text."""
    text = '\ufeff{"prompt": "a"}\r\n\r\n  \n{"prompt": "b\u2028c"}'
    assert read(write("some.JSONL", text)).items == [
        Item("1", "a", (), None),
        Item("4", "b\u2028c", (), None),
    ]


BAD = {
    "not json": ('{"prompt": ', "not JSON"),
    "half of two": ('{"prompt": "a"} {"prompt": "b"}', "not JSON"),
    "a list": ('["a"]', "its type is list, not an object"),
    "no field": ('{"text": "a", "n": 1}', "no field 'prompt' among 'text', 'n'"),
    "no fields": ("{}", "no field 'prompt' among none"),
    "a number": ('{"prompt": 3}', "'prompt' must be a text, got int"),
    "null": ('{"prompt": null}', "'prompt' must be a text, got NoneType"),
    "empty": ('{"prompt": ""}', "'prompt' is empty"),
    "blank": ('{"prompt": " \\n"}', "'prompt' is empty"),
    "reference": ('{"prompt": "a", "reference": {}}', "a text or a list of texts, got dict"),
    "references": ('{"prompt": "a", "reference": ["b", 1]}', "list of texts, got int"),
    "surrogate": ('{"prompt": "a\\ud800"}', "half of a surrogate pair"),
    "latin-1": (b'{"prompt": "\xe9"}', "not UTF-8 at byte 13"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_is_named_and_skipped_only_on_request(write, bad):
    line, why = BAD[bad]
    line = line.encode() if isinstance(line, str) else line
    path = write("some.jsonl", b'{"prompt": "a"}\n\n' + line + b'\n{"prompt": "b"}\n')
    with pytest.raises(ValueError) as error:
        read(path)
    said = str(error.value)
    assert said.startswith(f"{path}, line 3: ") and why in said and "--skip-bad" in said
    got = read(path, skip_bad=True)
    assert [item.id for item in got.items] == ["1", "4"]
    assert list(got.skipped) == [3] and why in got.skipped[3]


@pytest.mark.parametrize("value", [True, 1.5, None, "", ["a"]])
def test_a_bad_id_or_source_is_a_bad_line(write, value):
    path = write("some.jsonl", lines({"prompt": "a", "key": value}))
    with pytest.raises(ValueError, match="line 1: the field 'key'"):
        read(path, id="key")
    if value != "":
        with pytest.raises(ValueError, match="line 1: the field 'key'"):
            read(path, without="key")


@pytest.mark.parametrize("skip_bad", [False, True])
def test_two_items_with_one_id_are_never_skipped(write, skip_bad):
    path = write("some.jsonl", lines(*({"prompt": "a", "key": key} for key in (1, 2, "1"))))
    with pytest.raises(ValueError, match="line 3: the id '1' is already that of line 1"):
        read(path, id="key", skip_bad=skip_bad)


def test_the_limit_counts_items_and_lines_after_it_are_not_read(write):
    path = write("some.jsonl", '{"prompt": "a"}\nbad\n{"prompt": "b"}\nbad\n')
    got = read(path, limit=2, skip_bad=True)
    assert [item.prompt for item in got.items] == ["a", "b"] and list(got.skipped) == [2]
    assert read(path, limit=1).skipped == {}
    with pytest.raises(ValueError, match="limit"):
        read(path, limit=0)


def test_a_file_without_an_item_is_an_error(write):
    with pytest.raises(ValueError, match="no item in it$"):
        read(write("none.jsonl", "\n\n"))
    with pytest.raises(ValueError, match="no item in it; line 1: .*no field 'prompt' among 'text'"):
        read(write("other.jsonl", lines({"text": "a"})), skip_bad=True)


def test_a_reference_field_that_no_line_has_is_an_error(write):
    path = write("some.jsonl", lines({"prompt": "a", "summary": "b"}, {"prompt": "c"}))
    assert read(path, reference="summary").items[1].references == ()
    assert read(path).items[0].references == ()
    with pytest.raises(ValueError, match="no line has a field 'sumary'"):
        read(path, reference="sumary")


def test_csv_with_quotes_and_lines_within_cells(write):
    text = '\ufeffprompt,reference,key\r\n"a, ""b""\r\nc",,1\r\n\r\nd,"e\nf",2\r\n'
    got = read(write("some.csv", text), without="prompt")
    assert got.items == [
        Item("2", 'a, "b"\r\nc', (), 'a, "b"\r\nc'),
        Item("5", "d", ("e\nf",), "d"),
    ]
    assert [item.id for item in read(write("some.csv", text), id="key").items] == ["1", "2"]


def test_bad_lines_of_a_csv(write):
    text = b'prompt,reference\na,b\nc\nd,e,f\n"g"h,i\n\xe9,j\n,k\nl,m\n"n,o\n'
    path = write("some.csv", text)
    with pytest.raises(ValueError, match="line 3: it has 1 cells, but the header names 2"):
        read(path)
    got = read(path, skip_bad=True)
    assert [item.prompt for item in got.items] == ["a", "l"]
    assert list(got.skipped) == [3, 4, 5, 6, 7, 9]
    assert "not CSV" in got.skipped[5] and "not UTF-8" in got.skipped[6]
    assert "empty" in got.skipped[7] and "not CSV" in got.skipped[9]


def test_a_bad_header_of_a_csv_is_an_error(write):
    with pytest.raises(ValueError, match="two columns of the header have the same name"):
        read(write("some.csv", "prompt,prompt\na,b\n"))
    with pytest.raises(ValueError, match="line 2: there is no field 'prompt' among 'text'"):
        read(write("some.csv", "text\na\n"))
    with pytest.raises(ValueError, match="no item"):
        read(write("some.csv", ""))
    with pytest.raises(ValueError, match="the header is not CSV"):
        read(write("some.csv", '"a"b\n'))


@pytest.mark.parametrize("name", ["some.csv", "some.jsonl"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_of_utf_16_is_named(write, name, encoding):
    path = write(name, "\ufeffprompt\na\n".encode(encoding))
    with pytest.raises(ValueError, match=f"{name} is UTF-16; save it as UTF-8"):
        read(path)


def test_a_header_that_is_not_utf_8_is_named(write):
    with pytest.raises(ValueError, match="some.csv, line 1: the header is not UTF-8"):
        read(write("some.csv", b"prompt,\xe9\na,b\n"), skip_bad=True)


def test_a_line_that_is_nested_too_deep_is_named(write):
    with pytest.raises(ValueError, match="line 2: it is not JSON"):
        read(write("some.jsonl", '{"prompt": "a"}\n' + "[" * 100_000))


def test_other_files_are_refused(write, tmp_path):
    with pytest.raises(ValueError, match="there is no such file"):
        read(tmp_path / "absent.jsonl")
    with pytest.raises(ValueError, match="give a .jsonl file"):
        read(write("some.yaml", "a"))
    with pytest.raises(ValueError, match="only a datasets folder has splits"):
        read(write("some.jsonl", lines({"prompt": "a"})), split="train")


def test_text_files_hold_a_prompt_a_line(write):
    path = write("some.txt", "\ufeffTom went \r\n\n  Anna\u2028ran\n".encode() + b"\xe9\n")
    with pytest.raises(ValueError, match="some.txt, line 4: it is not UTF-8 at byte 1"):
        read(path)
    assert read(path, skip_bad=True).items == [Item("1", "Tom went "), Item("3", "  Anna\u2028ran")]


def test_a_line_that_cannot_be_made_into_something_is_bad(write):
    path = write("some.jsonl", lines({"n": 4}, {"n": 0}, {"n": 5}))
    with pytest.raises(ValueError, match="some.jsonl, line 2: 0 divides nothing .*skip_bad"):
        read_each(path, divided)
    assert read_each(path, divided, skip_bad=True) == ([(1, 0.25), (3, 0.2)], {2: NOTHING})
    assert read_each(path, divided, limit=1) == ([(1, 0.25)], {})


NOTHING = "0 divides nothing"


def divided(record, line):
    if not record["n"]:
        raise ValueError(NOTHING)
    return line, 1 / record["n"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A saved dataset, and a saved dataset with two splits."""
    datasets = pytest.importorskip("datasets")
    folder = tmp_path_factory.mktemp("saved")
    columns = {"prompt": ["a", "", "c"], "reference": [["x", "y"], [], []], "key": [5, 6, 7]}
    saved = datasets.Dataset.from_dict(columns)
    saved.save_to_disk(str(folder / "one"))
    datasets.DatasetDict(train=saved, test=saved.select([2])).save_to_disk(str(folder / "two"))
    return folder


def test_a_datasets_folder(folders):
    with pytest.raises(ValueError, match="row 1: the field 'prompt' is empty"):
        read(folders / "one")
    got = read(folders / "one", skip_bad=True)
    assert got.items == [Item("0", "a", ("x", "y"), None), Item("2", "c", (), None)]
    assert list(got.skipped) == [1]
    assert [item.id for item in read(folders / "one", id="key", limit=1).items] == ["5"]
    with pytest.raises(ValueError, match="row 0: there is no field 'text' among 'prompt'"):
        read(folders / "one", prompt="text")


def test_the_splits_of_a_datasets_folder(folders, tmp_path):
    assert read(folders / "two", split="test").items == [Item("0", "c", (), None)]
    with pytest.raises(ValueError, match="it has the splits train, test; choose one"):
        read(folders / "two")
    with pytest.raises(ValueError, match="train, test; 'dev' is not one of them"):
        read(folders / "two", split="dev")
    with pytest.raises(ValueError, match="it has no splits"):
        read(folders / "one", split="train")
    with pytest.raises(ValueError, match="not a folder that save_to_disk wrote"):
        read(tmp_path)
    damaged = tmp_path / "damaged"
    shutil.copytree(folders / "one", damaged)
    (damaged / "state.json").write_text("")
    with pytest.raises(ValueError, match="damaged cannot be read by datasets"):
        read(damaged)


def test_without_the_datasets_package_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match="pip install datasets"):
        read(tmp_path)
