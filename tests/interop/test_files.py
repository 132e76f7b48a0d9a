"""Errors of results.json name the file, and `check` enforces shapes."""

import re

import pytest

from jaxsample.interop._files import check
from jaxsample.study import read_results
from tests.study import example


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"name": "a", "digest": 5}}, "model.digest must be a text, got 5"),
        ({"model": {"name": "a", "parameters": "5"}}, "model.parameters must be a whole number"),
        ({"model": {"name": "a", "parameters": True}}, "model.parameters must be a whole number"),
        ({"versions": {"jax": 1}}, "versions.jax must be a text, got 1"),
        ({"notes": [1]}, "notes[0] must be a text, got 1"),
    ],
)
def test_a_wrong_type_in_results_is_named(tmp_path, change, message):
    folder = example.write(tmp_path, change)
    message = f"{folder / 'results.json'} is not the results of a study: {message}"
    with pytest.raises(ValueError, match=re.escape(message)):
        read_results(folder)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ([1], " must be a text, a number or null"),
        ({"ci": None}, ".value is missing"),
        ({"value": {}}, " must be a text, a number or null"),
        ({"value": 1, "ci": 5}, ".ci must be null or a list of two numbers"),
        ({"value": 1, "ci": [1]}, ".ci must be null or a list of two numbers"),
    ],
)
def test_a_cell_that_is_not_a_cell_is_named(tmp_path, cell, message):
    tables = example.results()["tables"]
    tables[0]["rows"][1]["rouge_l"] = cell
    with pytest.raises(ValueError, match=re.escape(f"tables[0].rows[1].rouge_l{message}")):
        read_results(example.write(tmp_path, {"tables": tables}))


def test_results_that_are_nested_too_deep_are_named(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=re.escape(f"{path} is not JSON: it is nested too deep")):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("value", "shape", "message"),
    [
        ({"a": True}, {"a": int}, "a must be a whole number, got True"),
        ({}, {"a?": int}, None),
        ({"b": "x"}, {"a?": int, "*": int}, "b must be a whole number, got 'x'"),
        ({"a": [{}, 5]}, {"a": [dict]}, "a[1] must be an object, got 5"),
        ([], {}, "the file must be an object, got []"),
    ],
)
def test_a_shape_allows_what_it_says(value, shape, message):
    if message is None:
        check(value, shape)
    else:
        with pytest.raises(ValueError, match=re.escape(message)):
            check(value, shape)
