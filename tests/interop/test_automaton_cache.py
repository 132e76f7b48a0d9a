"""Automata in files: the same arrays without a compilation, and no trust in other files."""

import concurrent.futures
import subprocess
import sys
import types
import unicodedata

import jax
import numpy as np
import pytest

import jaxsample
from jaxsample.interop import from_json_schema, from_regex
from jaxsample.interop.automaton import _compile
from tests.vocabularies import EOS, VOCABULARY

SCHEMA = {"type": "object", "properties": {"a": {"enum": [1, "é"]}, "b": {"type": "null"}}}


def made(folder, schema=SCHEMA, vocabulary=VOCABULARY, eos=EOS, **options):
    return from_json_schema(schema, vocabulary, eos, cache=folder, **options)


def same(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


@pytest.fixture
def compiled(monkeypatch):
    """The states bounds of the compilations since the start of the test."""
    calls, real = [], _compile.determinise

    def counted(tree, max_states):
        calls.append(max_states)
        return real(tree, max_states)

    monkeypatch.setattr(_compile, "determinise", counted)
    return calls


def test_the_second_call_has_the_same_arrays_and_compiles_nothing(tmp_path, compiled):
    folder = tmp_path / "new" / "folder"
    plain = made(None)
    first = made(folder)
    assert len(compiled) == 2
    second = made(folder)
    assert len(compiled) == 2 and len(list(folder.iterdir())) == 1
    assert same(plain, first) and same(first, second)
    again = [from_regex("a+|é", VOCABULARY, [EOS], cache=str(folder)) for _ in range(2)]
    assert len(compiled) == 3 and same(again[0], again[1]) and len(list(folder.iterdir())) == 2


def test_anything_that_matters_is_asked_for_anew(tmp_path, compiled, monkeypatch):
    shuffled = {**SCHEMA, "properties": dict(reversed(SCHEMA["properties"].items()))}
    joined = [*VOCABULARY[:97], b"ab", b"", *VOCABULARY[99:]]  # the same bytes in other tokens
    parted = [*VOCABULARY[:97], b"ab", None, *VOCABULARY[99:]]
    calls = [
        {},
        {"schema": shuffled},
        {"vocabulary": joined},
        {"vocabulary": parted},
        {"eos": [EOS, EOS - 1]},
        {"whitespace": " ?"},
        {"depth": 2},
        {"additional": True},
        {"max_states": 10_000},
    ]
    for number, call in enumerate(calls, 1):
        made(tmp_path, **call)
        assert len(compiled) == number, call
    monkeypatch.setattr(jaxsample, "__version__", "0", raising=False)
    made(tmp_path)
    assert len(compiled) == len(calls) + 1


def _foreign(path):
    """Write the file of another schema in the place of this one."""
    (other,) = path.parent.glob("other/*.npz")
    path.write_bytes(other.read_bytes())


def _edited(**changes):
    def edit(path):
        with np.load(path) as file:
            found = dict(file)
        for name, change in changes.items():
            found[name] = change(found[name])
        np.savez(path, **found)

    return edit


BROKEN = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a changed byte": lambda path: path.write_bytes(path.read_bytes().replace(b"\2\0", b"\3\0", 1)),
    "foreign": _foreign,
    "a state too large": _edited(targets=lambda x: x + len(x)),
    "a cell outside": _edited(cells=lambda x: x + x.max()),
    "fewer tokens": _edited(classes=lambda x: x[1:]),
    "no states": _edited(distance=lambda x: x[:0]),
    "pickles": _edited(classes=lambda x: x.astype(object)),
    "text": lambda path: path.write_text("[]"),
}


@pytest.mark.parametrize("breaking", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_file_is_replaced(tmp_path, compiled, breaking):
    first = made(tmp_path)
    made(tmp_path / "other", schema={"enum": [1, 2]})
    (path,) = tmp_path.glob("*.npz")
    breaking(path)
    count = len(compiled)
    assert same(made(tmp_path), first) and len(compiled) == count + 1
    assert same(made(tmp_path), first) and len(compiled) == count + 1


def test_errors_are_not_kept(tmp_path):
    for _ in range(2):
        with pytest.raises(ValueError, match="uniqueItems"):
            made(tmp_path, schema={"type": "array", "uniqueItems": True})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "kept, asked",
    [
        ({"enum": ["a"]}, {"enum": ("a",)}),
        ({"properties": {"1": {}}, "required": ["1"]}, {"properties": {1: {}}, "required": ["1"]}),
    ],
)
def test_a_schema_that_is_no_json_is_not_served_by_another(tmp_path, kept, asked):
    made(tmp_path, schema=kept)
    with pytest.raises(ValueError, match=r"at #/enum|at #/properties"):
        made(tmp_path, schema=asked)


def test_what_compiles_without_a_folder_compiles_with_one(tmp_path, compiled):
    schema = types.MappingProxyType({"type": "null"})
    for _ in range(2):
        made(tmp_path, schema=schema, depth=np.int64(3))
    assert len(compiled) == 1


def test_what_has_no_sure_key_is_not_kept(tmp_path):
    made(tmp_path, schema={"type": "null", "default": {1}})
    assert not list(tmp_path.iterdir())


def test_errors_are_those_without_a_folder(tmp_path):
    deep = {}
    for _ in range(2000):
        deep = {"items": deep}
    for schema, words in [
        (deep, "nested too deep"),
        ({"enum": {"a"}}, "JSON cannot write .* at #/enum"),
    ]:
        with pytest.raises(ValueError, match=words) as error:
            made(tmp_path, schema=schema)
        assert error.value.__context__ is None or error.value.__suppress_context__


def test_another_version_of_unicode_is_another_file(tmp_path, monkeypatch):
    made(tmp_path)
    monkeypatch.setattr(unicodedata, "unidata_version", "1.0")
    made(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_threads_share_a_folder(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: made(tmp_path), range(12)))
    assert all(same(found[0], one) for one in found)
    assert len(list(tmp_path.iterdir())) == 1


ONE = """
import sys, time
from jaxsample.interop import from_regex
vocabulary = [bytes([i]) for i in range(256)] + [None]
ready = open(sys.argv[2], "w")
while len(__import__("glob").glob(sys.argv[2][:-1] + "?")) < 2:
    time.sleep(0.01)
for n in range(60):
    automaton = from_regex(f"a{{{n % 6}}}b*", vocabulary, 256, cache=sys.argv[1])
    assert automaton.distance[0] == n % 6 + 1
"""


@pytest.mark.slow
def test_processes_share_a_folder(tmp_path):
    folder = tmp_path / "kept"
    processes = [
        subprocess.Popen([sys.executable, "-c", ONE, folder, tmp_path / f"ready{i}"])
        for i in range(2)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert len(list(folder.glob("*.npz"))) == len(list(folder.iterdir())) == 6
