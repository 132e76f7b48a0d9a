"""Soft filters: their limits, their gradients and their neutral settings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import MinP, TopK, TopP, chain
from jaxsample.learn import SoftMinP, SoftTopK, SoftTopP, harden, soften

# The largest probabilities are .5, .2 and .15; no token lies on an edge of the filters below.
ROW = jnp.log(jnp.array([0.02, 0.5, 0.01, 0.2, 0.15, 0.06, 0.03, 0.03]))
PAIRS = [
    (lambda s: SoftTopP(0.78, s), TopP(0.78)),
    (lambda s: SoftMinP(0.2, s), MinP(0.2)),
    (lambda s: SoftTopK(3.0, s), TopK(3)),
]


@jax.jit
def logprob(sampler, row, token):
    return jax.nn.log_softmax(sampler(row))[token]


value_and_slope = jax.jit(jax.value_and_grad(logprob, 1))


@pytest.mark.parametrize(("soft", "hard"), PAIRS, ids="p min-p k".split())
def test_value_and_gradient_converge_to_the_hard_filter(soft, hard):
    kept = np.flatnonzero(np.asarray(hard(ROW)) > -np.inf)
    for token in kept:
        value, slope = value_and_slope(hard, ROW, token)
        gaps = []
        for sharpness in (30.0, 100.0, 300.0, 1000.0):
            near, near_slope = value_and_slope(soft(sharpness), ROW, token)
            gaps.append(max(abs(near - value), jnp.max(jnp.abs(near_slope - slope))))
        assert gaps[-1] < 1e-5
        assert gaps[0] > gaps[2] or gaps[0] < 1e-5


@pytest.mark.parametrize(("soft", "hard"), PAIRS, ids="p min-p k".split())
def test_their_edge_has_a_slope_and_the_hard_one_has_none(soft, hard):
    field = "k" if isinstance(hard, TopK) else "p"

    def at(value):
        return logprob(soft(30.0).replace(**{field: value}), ROW, 4)

    if field == "p":
        slope = jax.grad(lambda p: logprob(hard.replace(p=p), ROW, 4))(0.5)
        assert slope == 0
    here = float(getattr(soft(1.0), field))
    assert jnp.isfinite(jax.grad(at)(here)) and jax.grad(at)(here) != 0


@pytest.mark.parametrize(("soft", "hard"), PAIRS, ids="p min-p k".split())
def test_an_infinite_sharpness_is_the_hard_filter(soft, hard):
    row = ROW.at[6].set(-jnp.inf)
    probs = jax.nn.softmax(soft(jnp.inf)(row))
    np.testing.assert_allclose(probs, jax.nn.softmax(hard(row)), atol=1e-6)
    slopes = jax.tree.leaves(jax.grad(lambda s: logprob(s, row, 1))(soft(jnp.inf)))
    assert all(jnp.isfinite(slope) for slope in slopes)


@pytest.mark.parametrize(
    "soft", [SoftTopP(0.5), SoftMinP(0.5), SoftTopK(0.5)], ids="p min-p k".split()
)
def test_an_infinite_sharpness_keeps_a_token_on_the_edge(soft):
    """0.5 is the mass above the second token, its ratio to the first, and half of a rank."""
    row = jnp.log(jnp.array([0.5, 0.25, 0.25]))
    assert jnp.isfinite(soft.replace(sharpness=jnp.inf)(row)[0])
    assert not jnp.isnan(soft.replace(sharpness=jnp.inf)(row)).any()


def test_a_filter_that_is_off_can_learn_to_bite():
    assert jax.grad(lambda p: logprob(SoftTopP(p, 30.0), ROW, 1))(1.0) < 0
    assert jax.grad(lambda p: logprob(SoftMinP(p, 30.0), ROW, 1))(0.0) > 0


def test_the_token_that_crosses_p_stays():
    """An inclusive sum would damp this token, which a nucleus keeps."""
    probs = jnp.exp(jnp.array([logprob(SoftTopP(0.6, 300.0), ROW, i) for i in range(8)]))
    np.testing.assert_allclose(probs[jnp.array([1, 3])], [0.5 / 0.7, 0.2 / 0.7], atol=1e-6)


@pytest.mark.parametrize("p", [0.3, 0.78, 1.0])
def test_the_mass_above_a_token_and_its_gradient_are_those_of_their_definition(p):
    row = jnp.array([0.3, 2.0, -jnp.inf, 0.3, 1.1, -0.0, 0.0, -3.0])

    def defined(row):
        weights = jnp.exp(row - jnp.max(row))
        above = jnp.sum(jnp.where(row[None] > row[:, None], weights[None], 0), axis=1)
        above = above / jnp.sum(weights)
        return row + jax.nn.log_sigmoid(30 * (p - above)) - jax.nn.log_sigmoid(30 * (1 - above))

    kept = jnp.array([0, 1, 3, 4, 5, 6, 7])

    def slopes(sampler):
        logprobs = lambda change: jax.nn.log_softmax(sampler(row.at[kept].add(change)))[kept]  # noqa: E731
        return logprobs(jnp.zeros(7)), jax.jacrev(logprobs)(jnp.zeros(7))

    for found, expected in zip(slopes(SoftTopP(p, 30.0)), slopes(defined), strict=True):
        # Both add seven numbers, in different orders, and multiply by the sharpness of 30.
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_ties_have_the_same_weight():
    row = jnp.zeros(6)
    for sampler in (SoftTopP(0.4, 30.0), SoftTopK(2.0, 30.0)):
        assert len({float(logprob(sampler, row, token)) for token in range(6)}) == 1


def test_soften_and_harden_undo_each_other():
    sampler = chain(TopK(50), TopP(0.9), MinP(0.05))
    soft = soften(sampler, 30.0)
    assert [type(t) for t in soft] == [TopK, SoftTopP, SoftMinP]
    assert soften(soft, 300.0)[1].sharpness == 300.0
    assert repr(harden(soft)) == repr(sampler)
