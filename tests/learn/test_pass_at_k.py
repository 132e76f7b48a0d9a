import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample.learn import Group, PassAtK, Rewards
from jaxsample.study import pass_at_k

SAMPLES = 5


def rewards(group):
    return group.tokens[:, 0].astype(jnp.float32)


def group_of(outcomes):
    tokens = jnp.asarray(outcomes, jnp.int32)[:, None]
    return Group(tokens, jnp.ones(len(tokens), jnp.int32), tokens[0], 1, tokens[0], 1)


ALL = list(itertools.product((0, 1), repeat=SAMPLES))


@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_the_credit_gives_the_gradient_of_pass_at_k(k):
    """The expectation is over all outcomes of samples with the same probability of being right."""
    chance = 0.3
    credited = jax.jit(jax.vmap(lambda outcomes: PassAtK(rewards, k)(group_of(outcomes))))
    advantages, values = credited(jnp.array(ALL))
    outcomes = np.array(ALL)
    weights = np.prod(np.where(outcomes, chance, 1 - chance), axis=1)
    slopes = np.where(outcomes, 1 / chance, -1 / (1 - chance))  # of the log-probability in `chance`
    gradient = weights @ np.mean(advantages * slopes, axis=1)
    hits = outcomes.sum(axis=1)
    np.testing.assert_allclose(values, pass_at_k(hits, SAMPLES, k), rtol=1e-5, atol=1e-6)
    assert weights @ values == pytest.approx(1 - (1 - chance) ** k, rel=1e-5)
    assert gradient == pytest.approx(k * (1 - chance) ** (k - 1), rel=1e-5)


def test_pass_at_1_is_the_mean_reward():
    for outcomes in ((0, 1, 1, 0, 0), (1, 1, 1, 1, 1)):
        group = group_of(outcomes)
        np.testing.assert_allclose(PassAtK(rewards, 1)(group).value, Rewards(rewards)(group).value)
        np.testing.assert_allclose(PassAtK(rewards, 1)(group)[0], Rewards(rewards)(group)[0])


def test_several_k_are_credited_with_their_sum():
    group = group_of((0, 1, 0, 0, 1))
    both, *each = (PassAtK(rewards, k)(group) for k in ((1, 4), 1, 4))
    for found, *parts in zip(both, *each, strict=True):
        np.testing.assert_allclose(found, sum(parts), rtol=1e-6)


def test_strict_promotions_are_respected():
    group = group_of((0, 1, 0, 0, 1))
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        assert PassAtK(rewards, (1, 4))(group).value > 0


@pytest.mark.parametrize("k", [0, 1.5, True, (), (1, 0)])
def test_a_k_below_one_is_refused(k):
    with pytest.raises(ValueError, match="k must be an int >= 1"):
        PassAtK(rewards, k)


def test_a_group_must_have_k_samples_and_a_reward_each():
    with pytest.raises(ValueError, match="needs 6 samples, got 5"):
        PassAtK(rewards, 6)(group_of((0, 1, 0, 0, 1)))
    with pytest.raises(ValueError, match=r"reward must return \[5\] numbers"):
        PassAtK(lambda group: group.tokens, 2)(group_of((0, 1, 0, 0, 1)))
