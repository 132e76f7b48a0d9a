"""Which tokens of a GSM8K solution are its notation, and their gain apart from the others."""

import numpy as np
import pytest

from benchmarks.experiments.likelihood.curves import Curves
from benchmarks.experiments.likelihood.notation import apart, noted

PIECES = ["She has ", "<<", "2+", "3=5", ">>5", " eggs", ".\n##", "## 5", " = 5"]


def test_tokens_with_a_character_of_the_notation_are_found():
    found = noted(range(len(PIECES)), lambda ids: "".join(PIECES[i] for i in ids))
    assert found.tolist() == [False, True, True, True, True, False, True, True, True]
    assert not noted([0, 5], lambda ids: "".join(PIECES[i] for i in ids)).any()


def test_a_gain_apart_is_the_mean_over_the_tokens_of_that_kind():
    """The third text has no token of the notation."""
    unit = np.array([0, 0, 0, 1, 1, 2])
    test = Curves(*[np.zeros(6)] * 5, unit)
    mask = np.array([True, False, True, False, True, False])
    gain = np.array([[1.0, 9.0, 2.0, 9.0, 6.0, 9.0], [3.0, 9.0, 4.0, 9.0, 8.0, 9.0]])
    found = apart(test, gain, mask)
    assert found["tokens"] == 3
    assert found["gain"] == pytest.approx((3 + 5 + 6 + 2 + 8) / 6)
    assert apart(test, gain, ~mask)["gain"] == pytest.approx(9.0)
    assert found["ci"][0] <= found["gain"] <= found["ci"][1]
