"""Draws through a transform: their distribution, and that `sample` equals its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import TopK, TopP, chain, draw, sample
from tests import toys
from tests.oracles import common as oracles
from tests.rows import BANK, HIDDEN, NAMES, VALID, apply, outputs
from tests.statistics import FALSE_ALARM, draws, p_value
from tests.table import CASES, QUICK, cases, structures, swept

KEYS = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(5), i))(jnp.arange(len(BANK)))
FAMILIES = {
    "temperature": "temperature-0.7", "edt": "edt-(1.0, 0.5)", "inverse edt": "edt-(0.7, -0.3)",
    "top_k": "top_k-5", "top_p": "top_p-0.9", "min_p": "min_p-0.3", "chain": "t-k-p",
    "nucleus": "nucleus", "learned": "learned", "function": "function",
}  # fmt: skip
QUICK_FAMILIES = [name for name, case in FAMILIES.items() if case in QUICK.values()]


@pytest.mark.parametrize("family", swept(FAMILIES, QUICK_FAMILIES))
def test_100_000_draws_through_a_transform_follow_the_oracle(family):
    case = next(case for case in CASES if case.id == FAMILIES[family])
    row = np.float32(np.random.default_rng(1).standard_normal(32))
    logits = apply(case.sampler, row[None], case.state)[0]
    expected = oracles.probabilities(case.oracle(row))
    assert p_value(draws(12, logits), expected) > FALSE_ALARM


DRAW = jax.jit(jax.vmap(draw))


@jax.jit
def both_ways(keys, rows, samplers, state, hidden):
    """`sample` and its definition, with separate hyperparameters for every row."""
    fast = jax.vmap(lambda key, row, s: sample(key, row, s, state, hidden))
    slow = jax.vmap(lambda key, row, s: draw(key, s(row, state, hidden)))
    return fast(keys, rows, samplers), slow(keys, rows, samplers)


@structures(CASES)
def test_sample_is_the_draw_of_the_transformed_row(case):
    """Tokens are equal, also with equal hyperparameters for every row."""
    many = jax.tree.map(lambda x: jnp.stack([jnp.asarray(x)] * len(BANK)), case.sampler)
    fast, slow = both_ways(KEYS, BANK, many, case.state, HIDDEN)
    np.testing.assert_array_equal(fast, slow)
    assert fast.dtype == jnp.int32
    if case.tolerance == 0:  # otherwise compilations may round differently
        np.testing.assert_array_equal(fast, DRAW(KEYS, outputs(case)[0]))


@cases([case for case in CASES if case.kind == "order"])
def test_invalid_rows_draw_minus_one_through_any_transform(case):
    logits = outputs(case)[0]
    tokens = np.asarray(DRAW(KEYS, logits))
    assert (tokens[: len(VALID)] >= 0).all()
    assert (tokens[NAMES.index("one nan") :] == -1).all()


@pytest.mark.parametrize("vmapped", ["nothing", "p", "k", "all"])
def test_equal_rows_are_independent_under_every_vmapped_parameter(vmapped):
    """Rows with hyperparameters of their own must not share their noise."""
    rows = jnp.zeros((64, 40))
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(8), i))(jnp.arange(64))
    p, k = jnp.full(64, 0.9), jnp.full(64, 30)
    axes = (0 if vmapped in ("p", "all") else None, 0 if vmapped in ("k", "all") else None)
    run = jax.vmap(
        lambda key, row, p, k: sample(key, row, chain(TopK(k), TopP(p))), in_axes=(0, 0, *axes)
    )
    tokens = jax.jit(run)(keys, rows, p if axes[0] == 0 else 0.9, k if axes[1] == 0 else 30)
    # 64 uniform draws of 40 tokens give 32 distinct ones, with a deviation of 2.4; five of these.
    assert len(np.unique(tokens)) >= 20


def test_a_greedy_row_draws_its_tied_maxima_by_key():
    case = next(case for case in CASES if case.id == "temperature-0.0")
    logits = outputs(case)[0][NAMES.index("tied maxima")]
    maxima = np.flatnonzero(VALID["tied maxima"] == 5)
    tokens = draws(3, logits, thousands=10)
    assert p_value(tokens, np.isin(np.arange(len(logits)), maxima) / len(maxima)) > FALSE_ALARM


def test_a_stateful_sampler_in_a_loop_forgets_nothing():
    """The state of `update` equals the counts of the drawn tokens."""
    sampler = chain(toys.Counts(0.5), TopK(4))
    state = (jnp.zeros(8, jnp.int32), ())
    row = jnp.linspace(0, 2, 8)

    def body(state, key):
        token = sample(key, row, sampler, state)
        return sampler.update(state, row, token), token

    state, tokens = jax.jit(lambda s, k: jax.lax.scan(body, s, k))(state, KEYS)
    np.testing.assert_array_equal(state[0], np.bincount(tokens, minlength=8))
    assert len(np.unique(tokens)) > 4, "what was drawn must have become less likely"
