"""The judge that asks an engine finds what the judge of a table finds."""

import re

import pytest

from benchmarks.constrained.asked import Asked

# Objects of a flag `b` and a list `a` of numbers, in this order.
LANGUAGE = r'\{"b":(true|false)(,"a":\[(-?\d+(\.\d+)?(,-?\d+(\.\d+)?)*)?\])?\}'


def reads(before, text, ends):
    """Whether a text is in the language; for its beginnings, whether some end completes it."""
    text = before + text
    if ends:
        return bool(re.fullmatch(LANGUAGE, text))
    tails = ["", "}", "true}", ":true}", '":true}', 'b":true}', '"b":true}', ":[]}", "[]}", "]}"]
    tails += ["0]}", '"a":[]}', "[0]}"]
    return any(re.fullmatch(LANGUAGE, text + tail) for tail in tails)


@pytest.mark.parametrize(
    "value, accepted",
    [
        ({"b": True}, True),
        ({"a": [], "b": False}, True),
        ({"a": [1.0] * 12 + [1e-3, -2], "b": False}, True),
        ({"a": [1, "x"], "b": False}, False),
        ({"a": []}, False),
        ([], False),
    ],
)
def test_a_value_is_accepted_in_any_order_and_spelling(value, accepted):
    assert Asked(reads).accepts(value) == accepted
