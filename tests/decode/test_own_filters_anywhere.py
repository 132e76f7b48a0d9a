"""A filter of a user's own draws one token for a key and a row, however `sample` is called.

The right token is that of `draw(key, sampler(logits))` for one row under `jax.jit`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxsample import Temperature, TopP, chain, draw, sample, stack
from tests.edges import EDGES, Edge, OneOf, longest_step, near
from tests.long_rows import rows
from tests.table import swept

# Half the temperature is exact in float32, so that no rounding moves a value over an edge.
SAMPLERS = {
    "near": chain(Temperature(0.5), Edge(100, 10.0, near)),
    "loop": chain(Edge(65, 3.0, longest_step), TopP(0.9)),
    "switch": OneOf(0, 100, 5.0, EDGES["first"]),
}


def under_vmap(keys, logits, sampler):
    return jax.jit(jax.vmap(sample, in_axes=(0, 0, None)))(keys, logits, sampler)


def one_row(keys, logits, sampler):
    one = jax.jit(sample)
    return [one(key, row, sampler) for key, row in zip(keys, logits, strict=True)]


def vmap_of_vmap(keys, logits, sampler):
    rows_of = jax.vmap(jax.vmap(sample, in_axes=(0, 0, None)), in_axes=(0, 0, None))
    split = jax.tree.map(lambda x: x.reshape(-1, 3, *x.shape[1:]), (keys, logits))
    return jax.jit(rows_of)(*split, sampler).reshape(-1)


def keys_within_rows(keys, logits, sampler):
    """The row is not batched by the inner vmap, and the key is."""
    several = jax.vmap(jax.vmap(sample, in_axes=(0, None, None)), in_axes=(0, 0, None))
    return jax.jit(several)(jnp.stack([keys, keys], axis=1), logits, sampler)[:, 1]


def settings_per_row(keys, logits, sampler):
    return jax.jit(jax.vmap(sample))(keys, logits, stack([sampler] * len(logits)))


def settings_per_row_of_one_row(keys, logits, sampler):
    """The settings are batched by the inner vmap, and the row is not."""
    several = jax.vmap(jax.vmap(sample, in_axes=(None, None, 0)), in_axes=(0, 0, None))
    return jax.jit(several)(keys, logits, stack([sampler] * 2))[:, 0]


def in_a_scan(keys, logits, sampler):
    def body(count, given):
        return count + 1, sample(*given, sampler)

    return jax.jit(lambda *given: lax.scan(body, 0, given)[1])(keys, logits)


def in_a_scan_of_batches(keys, logits, sampler):
    """Each step draws for a batch whose rows depend on the tokens of the step before."""
    keys, logits = (x.reshape(-1, 3, *x.shape[1:]) for x in (keys, logits))

    def body(before, given):
        key, row = given
        row = row + jnp.where(before[:, None] < -1, 1.0, 0.0)  # never, but XLA can't know it
        tokens = jax.vmap(sample, in_axes=(0, 0, None))(key, row, sampler)
        return tokens, tokens

    start = jnp.zeros(3, jnp.int32)
    return jax.jit(lambda *given: lax.scan(body, start, given)[1])(keys, logits).reshape(-1)


def in_a_cond(keys, logits, sampler):
    def one(key, row):
        return lax.cond(row[0] == row[0], lambda: sample(key, row, sampler), lambda: -1)

    return jax.jit(jax.vmap(one))(keys, logits)


def in_a_cond_of_one_row(keys, logits, sampler):
    @jax.jit
    def one(key, row):
        return lax.cond(row[0] == row[0], lambda: sample(key, row, sampler), lambda: -1)

    return [one(key, row) for key, row in zip(keys, logits, strict=True)]


def mapped(keys, logits, sampler):
    return jax.jit(lambda *given: lax.map(lambda a: sample(*a, sampler), given))(keys, logits)


def mapped_in_batches(keys, logits, sampler):
    rows_of = lambda *given: lax.map(lambda a: sample(*a, sampler), given, batch_size=4)  # noqa: E731
    return jax.jit(rows_of)(keys, logits)


def eagerly(keys, logits, sampler):
    return [sample(key, row, sampler) for key, row in zip(keys, logits, strict=True)]


def eagerly_under_vmap(keys, logits, sampler):
    return jax.vmap(sample, in_axes=(0, 0, None))(keys, logits, sampler)


def with_a_gradient(keys, logits, sampler):
    """A token has no derivative, but code around it may be differentiated."""

    def loss(row, key):
        token = sample(key, row, sampler)
        return jnp.sum(jnp.where(jnp.isfinite(row), row, 0.0) ** 2), token

    derivative = jax.grad(loss, has_aux=True)
    return jax.jit(jax.vmap(derivative))(logits, keys)[1]


WAYS = [
    under_vmap,
    one_row,
    vmap_of_vmap,
    keys_within_rows,
    settings_per_row,
    settings_per_row_of_one_row,
    in_a_scan,
    in_a_scan_of_batches,
    in_a_cond,
    in_a_cond_of_one_row,
    mapped,
    mapped_in_batches,
    eagerly,
    eagerly_under_vmap,
    with_a_gradient,
]
SIZE = 5000
SOME = one_row, vmap_of_vmap, settings_per_row, in_a_scan_of_batches, in_a_cond_of_one_row
CASES = [*(("near", way) for way in WAYS), *((n, way) for n in ("loop", "switch") for way in SOME)]
QUICK = [("near", one_row)]


@functools.cache
def tokens(name):
    """Names of rows, keys, rows, and the right tokens."""
    bank = rows(SIZE)
    logits = jnp.stack(list(bank.values()))
    keys = jax.random.split(jax.random.key(5), len(logits))
    one = jax.jit(lambda key, row, sampler: draw(key, sampler(row)))
    right = [int(one(*given, SAMPLERS[name])) for given in zip(keys, logits, strict=True)]
    return list(bank), keys, logits, right


@pytest.mark.parametrize("name, way", swept(CASES, QUICK))
def test_the_token_is_that_of_draw(name, way):
    kinds, keys, logits, right = tokens(name)
    got = np.asarray(way(keys, logits, SAMPLERS[name])).tolist()
    wrong = [kind for kind, a, b in zip(kinds, got, right, strict=True) if a != b]
    assert len(got) == len(right)
    assert not wrong


@pytest.mark.full
@pytest.mark.parametrize("name", SAMPLERS)
def test_both_branches_are_taken(name):
    """A test of branches shows something if rows differ: some keep one token, others many."""
    shaped = jax.jit(jax.vmap(SAMPLERS[name]))(tokens(name)[2])
    counts = np.asarray(jnp.sum(shaped > -jnp.inf, axis=1))
    assert (counts == 1).any()
    assert (counts > 64).any()
