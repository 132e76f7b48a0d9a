"""Improper objectives have the optimum of the theory, which is not the truth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.experiments.learned.best_temperature import COLDEST
from benchmarks.experiments.learned.biased import (
    OBJECTIVES,
    SCORES,
    WEIGHTS,
    calibrated,
    optimum,
    table,
)
from benchmarks.experiments.learned.contexts import examples, take
from benchmarks.experiments.learned.toys import toy
from jaxsample import Temperature


@pytest.mark.parametrize("name", ["null", "crossed"])
def test_weighting_by_the_base_probability_has_a_closed_form(name):
    """The optimum is T* / (1 + T*) at each position."""
    world = toy(name)
    ideal = world.ideal["test"]
    got = optimum("base probability", world.test)
    np.testing.assert_allclose(got, ideal / (1 + ideal), rtol=1e-3)


@pytest.mark.slow
def test_table_of_a_calibrated_model():
    """By entropy; 1 is the truth. Four are exact, the others depend on the rows."""
    got = table((0.3, 1.5, 3.5))
    assert set(got) == {*WEIGHTS, *SCORES}
    np.testing.assert_allclose(got["cross-entropy"], 1.0, rtol=1e-3)
    np.testing.assert_allclose(got["kernel"], 1.0, rtol=6e-3)
    np.testing.assert_allclose(got["base probability"], 0.5, rtol=1e-3)
    np.testing.assert_allclose(got["own probability"], COLDEST, rtol=1e-5)
    assert got["drop correct"] == pytest.approx([1.28, 1.22, 1.15], abs=0.01)
    assert got["both"] == pytest.approx([0.58, 0.63, 0.59], abs=0.01)
    assert got["EDA"] == pytest.approx([2.26, 1.08, 0.61], abs=0.02)


@pytest.mark.parametrize(
    "name",
    [
        "base probability",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in OBJECTIVES
            if name != "base probability"
        ),
    ],
)
def test_objectives_are_flat_at_their_optimum(name):
    """The gradient of the expected objective is 0 there, or points to the cold end."""
    contexts = take(calibrated(1.5), slice(0, 1))
    counts = np.round(500 * np.asarray(contexts.truth[0, 0])).astype(int)
    labels = np.repeat(np.arange(len(counts)), counts)
    contexts = contexts._replace(truth=jnp.asarray(counts / counts.sum(), jnp.float32)[None, None])
    batch = examples(take(contexts, np.zeros_like(labels)))._replace(tokens=labels[:, None])

    def expected(value):
        total, count = OBJECTIVES[name](Temperature(value), batch, None, None, None)
        return total / count

    slope = jax.jit(jax.grad(expected))
    best = optimum(name, contexts)[0, 0]
    if name == "own probability":
        assert best == pytest.approx(COLDEST)
        assert slope(jnp.float32(0.5)) > 0.01
    else:
        assert slope(best) == pytest.approx(0.0, abs=1e-3)
        assert slope(1.2 * best) > 0.01 and slope(best / 1.2) < -0.01
