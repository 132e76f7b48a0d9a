"""Toy worlds: their ideal temperatures, and the KL that each rung leaves."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from benchmarks.experiments.learned.best_temperature import ideal_temperatures
from benchmarks.experiments.learned.contexts import divergence, divergence_at, per_unit, streamed
from benchmarks.experiments.learned.toys import TEMPERATURES, toy
from jaxsample import EntropyTemperature

T0 = jnp.exp(jnp.linspace(-np.log(3.0), np.log(3.0), 49))
THETA = jnp.array([-4.8, -3.0, -1.0, -0.5, 0.0, 0.5, 1.5, 3.0, 5.0])
LADDER = jax.vmap(EntropyTemperature)(*map(jnp.ravel, jnp.meshgrid(T0, THETA)))
world = functools.cache(toy)


@jax.jit
def left(contexts):
    """Return the mean divergence of each sampler of the ladder, `[theta, t0]`."""
    mean = jax.vmap(lambda s: per_unit(divergence(s, contexts), contexts.live)[1])
    return mean(LADDER).reshape(len(THETA), len(T0))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, plain, fixed, edt, signed",
    [
        ("null", 0.046, 0.000, 0.000, 0.000),
        ("edt", 0.018, 0.017, 0.000, 0.000),
        ("aligned", 0.126, 0.123, 0.016, 0.016),
        ("inverse", 0.297, 0.291, 0.290, 0.080),
        ("crossed", 0.209, 0.212, 0.212, 0.202),
    ],
)
def test_table_of_the_worlds(name, plain, fixed, edt, signed):
    """The nats that each rung leaves, up to the coarseness of the grids."""
    train, test = (left(getattr(world(name), part)) for part in ("train", "test"))

    def tuned(rung):
        return float(test[rung].ravel()[jnp.argmin(train[rung])])

    assert float(test[4, 24]) == pytest.approx(plain, abs=0.001)
    assert tuned(slice(4, 5)) == pytest.approx(fixed, abs=0.004)
    assert tuned(slice(4, None)) == pytest.approx(edt, abs=0.004)
    assert tuned(slice(None)) == pytest.approx(signed, abs=0.004)


@pytest.mark.parametrize("name", TEMPERATURES)
def test_the_ideal_is_exact(name):
    contexts, ideal = world(name).test, world(name).ideal["test"]
    assert np.all(np.abs(divergence_at(ideal, contexts)) < 1e-6)
    np.testing.assert_allclose(ideal_temperatures(contexts), ideal, rtol=2e-4)
    for i, temperature in enumerate(TEMPERATURES[name].values()):
        middle = np.median(ideal[contexts.kinds == i])
        assert temperature is None or middle == pytest.approx(temperature, rel=0.02)


def test_the_edt_world_is_solved_by_its_formula():
    contexts = world("edt").test
    assert np.all(np.abs(divergence(EntropyTemperature(1.2, 1.5), contexts)) < 1e-6)


def test_crossed_is_in_the_hidden_state_and_not_in_the_distribution():
    """The class determines the temperature up to the jitter; the entropy does not show it."""
    crossed = world("crossed")
    by_class = jnp.array(list(TEMPERATURES["crossed"].values()))[crossed.test.kinds]
    left = per_unit(divergence_at(by_class, crossed.test), crossed.test.live)[1]
    assert 0.0005 < left < 0.0025
    parts = [[np.asarray(x)[:, 0] for x in part] for part in (crossed.train, crossed.test)]
    (_, hidden, _, _, _, kinds), (logits, unseen, _, _, _, wanted) = parts
    centers = np.stack([hidden[kinds == i].mean(axis=0) for i in range(4)])
    nearest = np.argmin(np.sum((unseen[:, None] - centers) ** 2, axis=-1), axis=1)
    np.testing.assert_array_equal(nearest, wanted)
    entropy = stats.entropy(special.softmax(logits, axis=1), axis=1)
    for cold, hot in ((0, 1), (2, 3)):
        same = stats.ttest_ind(entropy[wanted == cold], entropy[wanted == hot])
        assert same.pvalue > 0.01


def test_streamed_labels_follow_the_truth_and_are_new():
    contexts = world("null").train
    draw = jax.jit(streamed(contexts, 20_000))
    first, second = (draw(jax.random.key(i)) for i in range(2))
    assert first.logits.shape == (20_000, 1, 64)
    assert np.all(np.asarray(first.token_lengths) == 1)
    tokens = np.asarray(first.tokens)[:, 0]
    assert np.any(np.asarray(second.tokens)[:, 0] != tokens)
    truth = special.softmax(np.asarray(first.logits)[:, 0] / 0.8, axis=1)
    wanted = truth.sum(axis=0)
    assert stats.chisquare(np.bincount(tokens, minlength=64), wanted, sum_check=False).pvalue > 1e-3
