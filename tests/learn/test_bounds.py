"""Maps between ranges and the real line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import EntropyTemperature, MinP, Temperature, TopP, chain, partition
from jaxsample.learn import constrain, unconstrain

CHAIN = chain(Temperature(0.7), EntropyTemperature(1.0, -0.5), TopP(0.9), MinP(0.05))


def test_constrain_inverts_unconstrain():
    trainable, _ = partition(CHAIN)
    again = constrain(unconstrain(trainable, CHAIN), CHAIN)
    for a, b in zip(jax.tree.leaves(trainable), jax.tree.leaves(again), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6)


@pytest.mark.parametrize("step", [-50.0, 50.0])
def test_no_step_leaves_the_range(step):
    trainable, _ = partition(CHAIN)
    raw = jax.tree.map(lambda x: x + step, unconstrain(trainable, CHAIN))
    heat, edt, p, least = constrain(raw, CHAIN)
    assert heat.value >= 0 and edt.t0 >= 0
    assert 0 <= p.p <= 1 and 0 <= least.p <= 1
    assert edt.theta == pytest.approx(-0.5 + step)  # theta has no bound


def test_a_value_at_its_bound_starts_just_inside():
    sampler = chain(TopP(1.0), Temperature(0.0))
    trainable, _ = partition(sampler)
    raw = unconstrain(trainable, sampler)
    assert all(jnp.isfinite(x) for x in jax.tree.leaves(raw))
    again = constrain(raw, sampler)
    assert again[0].p == pytest.approx(1.0, abs=2e-6) and 0 < again[1].value < 2e-6
