"""Stages of one row, compared with numbers computed by hand."""

import math

import numpy as np
import pytest

from jaxsample import EntropyTemperature, Function, MinP, Temperature, TopK, TopP, chain
from jaxsample.show import entropy, probabilities, stages

PROBS = np.array([0.5, 0.25, 0.125, 0.125])
ROW = np.log(PROBS)
ENTROPY = 1.75 * math.log(2)


def only(sampler, row=ROW):
    (stage,) = stages(row, chain(sampler), [0])
    return stage


def test_a_row():
    np.testing.assert_allclose(probabilities(ROW), PROBS)
    assert entropy(PROBS) == pytest.approx(ENTROPY)
    assert entropy(np.array([1.0, 0.0])) == 0.0
    assert stages(ROW, chain(), [0]) == []


def test_temperature():
    stage = only(Temperature(0.5))  # squares: 16, 4, 1 and 1 parts of 22
    np.testing.assert_allclose(stage.before, PROBS)
    np.testing.assert_allclose(stage.after, np.array([16, 4, 1, 1]) / 22, rtol=1e-6)
    assert stage.temperature == pytest.approx(0.5)
    assert (stage.kept, stage.mass_cut) == (4, 0.0)
    assert stage.label == "Temperature 0.5"
    assert stage.summary == "divides by 0.5: sharpens"
    assert only(Temperature(2.0)).summary == "divides by 2: flattens"
    assert only(Temperature(1.0)).summary == "changes nothing here"


def test_temperature_zero_is_a_cut():
    stage = only(Temperature(0.0))
    assert (stage.kept, stage.temperature) == (1, None)
    assert stage.mass_cut == pytest.approx(0.5)


def test_edt_shows_the_temperature_it_chose():
    stage = only(EntropyTemperature(1.5, 0.7))
    assert stage.temperature == pytest.approx(1.5 * 0.8 ** (0.7 / ENTROPY), rel=1e-5)
    assert stage.label == "EDT 1.5, 0.7"


@pytest.mark.parametrize(
    "sampler, after, mass",
    [
        (TopK(2), [2 / 3, 1 / 3, 0, 0], 0.25),
        (TopP(0.6), [2 / 3, 1 / 3, 0, 0], 0.25),
        (TopP(0.3), [1, 0, 0, 0], 0.5),
        (MinP(0.4), [2 / 3, 1 / 3, 0, 0], 0.25),
        (TopK(3), PROBS, 0.0),  # the tie at the edge stays
    ],
)
def test_filters(sampler, after, mass):
    stage = only(sampler)
    np.testing.assert_allclose(stage.after, after, rtol=1e-6)
    assert stage.mass_cut == pytest.approx(mass)
    assert stage.kept == np.count_nonzero(after)
    np.testing.assert_array_equal(stage.cut, np.asarray(after) == 0)
    if mass:
        assert stage.temperature is None
        assert f"keeps {stage.kept} of 4, cuts {mass:.1%} of the mass" == stage.summary


def test_stages_follow_one_another():
    first, second, third = stages(ROW, chain(Temperature(0.5), TopK(2), TopP(0.1)), [0])
    np.testing.assert_array_equal(first.returned, second.received)
    assert second.mass_cut == pytest.approx(2 / 22, rel=1e-5)
    assert third.mass_cut == pytest.approx(0.2, rel=1e-5)
    assert not third.cut[2]  # the step before had dropped it


def test_rows_that_are_certain_or_flat():
    assert only(Temperature(0.5), np.array([0.0, -np.inf])).temperature == 1.0
    assert only(Temperature(0.5), np.zeros(3)).temperature == 1.0


@pytest.mark.parametrize("invalid", [np.nan, np.inf])
def test_an_invalid_row_is_refused_and_its_origin_named(invalid):
    with pytest.raises(ValueError, match="the model returned logits that hold a NaN"):
        stages(np.array([0.0, invalid]), [TopK(1)], [0])
    broken = Function(lambda logits: logits.at[0].set(np.nan))
    with pytest.raises(ValueError, match="the sampler's Function.* returned logits"):
        stages(ROW, [TopK(1), broken], [0])
