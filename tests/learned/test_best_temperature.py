"""The ideal temperature, compared with known ones and with a search in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special

from benchmarks.experiments.learned.best_temperature import COLDEST, HOTTEST, ideal_temperatures
from benchmarks.experiments.learned.contexts import Contexts, divergence_at


def contexts_of(logits, truth):
    logits, truth = jnp.asarray(logits, jnp.float32), jnp.asarray(truth, jnp.float32)
    shape = logits.shape[:2]
    return Contexts(
        logits,
        jnp.zeros((*shape, 1)),
        truth,
        jnp.zeros(shape, jnp.int32),
        jnp.ones(shape, bool),
        jnp.zeros(shape, jnp.int8),
    )


@pytest.mark.parametrize("spread", [0.3, 2.0, 6.0])
def test_a_constructed_temperature_is_found(spread):
    keys = jax.random.split(jax.random.key(0), 2)
    logits = spread * jax.random.normal(keys[0], (400, 2, 64))
    ideal = jnp.exp(jax.random.uniform(keys[1], (400, 2), minval=-2.0, maxval=2.0))
    contexts = contexts_of(logits, jax.nn.softmax(logits / ideal[..., None]))
    np.testing.assert_allclose(jnp.log(ideal_temperatures(contexts) / ideal), 0.0, atol=2e-4)
    assert np.all(np.abs(divergence_at(ideal, contexts)) < 1e-5)


def test_the_optimum_of_an_unrelated_truth_agrees_with_a_search_in_double_precision():
    rng = np.random.default_rng(0)
    logits, truth = 3 * rng.normal(size=(1, 40, 16)), rng.dirichlet(np.full(16, 0.3), (1, 40))
    truth[0, :, :4] = 0.0
    truth /= truth.sum(-1, keepdims=True)
    truth[0] = 0.5 * truth[0] + 0.5 * special.softmax(logits[0], axis=-1)
    found = ideal_temperatures(contexts_of(logits, truth))[0]
    for z, p, t in zip(logits[0], truth[0], found, strict=True):
        loss = lambda s, z=z, p=p: special.logsumexp(np.exp(s) * z) - np.exp(s) * (p @ z)  # noqa: E731
        bounds = (-np.log(HOTTEST), -np.log(COLDEST))
        best = optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
        assert np.exp(-best.x) == pytest.approx(float(t), rel=2e-3)


def test_the_ends_are_the_ends_of_the_range():
    logits = np.tile([2.0, 1.0, 0.0], (1, 4, 1))
    truth = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1 / 3, 1 / 3, 1 / 3], [0.0, 1.0, 0.0]]
    contexts = contexts_of(logits, [truth])
    got = ideal_temperatures(contexts)[0]
    np.testing.assert_allclose(got, [COLDEST, HOTTEST, HOTTEST, HOTTEST], rtol=1e-5)


def test_equal_logits_and_padding_have_temperature_one():
    contexts = contexts_of(np.zeros((1, 2, 4)), np.full((1, 2, 4), 0.25))
    np.testing.assert_array_equal(ideal_temperatures(contexts), 1.0)
    steep = contexts_of([[[4.0, 0.0]]], [[[1.0, 0.0]]])
    dead = steep._replace(live=jnp.zeros((1, 1), bool))
    assert ideal_temperatures(dead) == 1.0
    assert divergence_at(jnp.ones((1, 1)), dead) == 0.0
