"""Every search finds the threshold that sorting finds, for every kind of row and of device."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample.kernels._search import reached
from jaxsample.kernels._search_accelerators import search_on_gpu, search_on_tpu

V = 1000


def _reached(values, weights, want, below=0.0):
    """Search from a start that lies `below` the largest value."""
    top = jnp.max(values)
    return reached(values, lambda _: weights, want, top, top - below)


def _batch(values, weights, want):
    return jax.vmap(_reached)(values, weights, want)


def _rows_in_a_loop(values, weights, want):
    return jax.lax.map(lambda row: _reached(*row), (values, weights, want))


SEARCHES = {
    "batch": jax.jit(_batch),
    "rows": jax.jit(_rows_in_a_loop),
    "tpu": jax.jit(search_on_tpu),
    "gpu": jax.jit(search_on_gpu),
}
TINY, HUGE = np.finfo(np.float32).tiny, np.finfo(np.float32).max


def _rows():
    rng = np.random.default_rng(0)
    flat = rng.standard_normal(V)
    signs = np.where(flat > 0, 1, -1)
    return {
        "flat": flat,
        "large": 20 + 5 * flat,
        "spread beyond the first bins": 40 * flat,
        "two humps": np.where(np.arange(V) < 4, 5 + flat, -8 + 2 * flat),
        "two values": np.where(flat > 1, 3.0, -2.0),
        "below zero": -np.exp(flat),
        "bfloat16": jnp.asarray(8 * flat, jnp.bfloat16).astype(jnp.float32),
        "neighbours": np.float32(3) + np.spacing(np.float32(3)) * np.arange(V),
        "constant": np.full(V, -7.25),
        "zero": np.zeros(V),
        "zeros of both signs": signs * 0.0,
        "a zero among others": np.where(np.abs(flat) < 0.5, signs * 0.0, flat),
        "tiny": signs * TINY * (1 + np.abs(flat)),
        "huge": signs * HUGE * rng.uniform(0.5, 1, V),
        "the ends": signs * HUGE,
        "every power of two": signs * 2.0 ** rng.integers(-126, 127, V),
        "few left": np.where(np.arange(V) % 300 == 7, flat, -np.inf),
        "one left": np.where(np.arange(V) == 7, flat, -np.inf),
    }


ROWS = {name: np.asarray(row, np.float32) for name, row in _rows().items()}
ALL = np.stack(list(ROWS.values()))


def _weights(kind):
    rng = np.random.default_rng(1)
    weights = {
        "ones": np.ones(ALL.shape),
        "masses": 2.0**30 * rng.dirichlet(np.full(V, 0.1), len(ALL)),
        "one heavy": np.where(np.arange(V) == V // 2, 2.0**31 - 2 * V, 1) + np.zeros(ALL.shape),
        "some zeros": rng.integers(0, 3, ALL.shape),
    }[kind]
    return np.where(ALL > -np.inf, weights, 0).astype(np.int32)


def expected(values, weights, want):
    """The threshold of one row, from its values in descending order."""
    order = np.argsort(-values, kind="stable")
    reached = np.flatnonzero(np.cumsum(weights[order], dtype=np.int64) >= want)
    return values[order[reached[0]]] if reached.size else -np.inf


@pytest.mark.parametrize("kind", ["ones", "masses", "one heavy", "some zeros"])
@pytest.mark.parametrize("search", SEARCHES)
def test_the_threshold_is_the_one_of_a_sort(search, kind):
    weights = _weights(kind)
    totals = weights.sum(1, dtype=np.int64)
    for share in (0, 0.001, 0.1, 0.5, 0.9, 0.999, 1):
        want = np.maximum(np.ceil(share * totals), 1).astype(np.int32)
        found = SEARCHES[search](ALL, weights, want)
        for name, row, *rest, t in zip(ROWS, ALL, weights, want, np.asarray(found), strict=True):
            assert t == expected(row, *rest), (name, share)


@pytest.mark.parametrize("search", SEARCHES)
def test_a_row_whose_weights_are_too_small(search):
    weights = _weights("ones")
    want = weights.sum(1, dtype=np.int32) + 1
    assert np.all(np.asarray(SEARCHES[search](ALL, weights, want)) == -np.inf)
    want[0] = 1  # the other rows of the batch do not matter
    found = np.asarray(SEARCHES[search](ALL, weights, want))
    assert found[0] == ALL[0].max() and np.all(found[1:] == -np.inf)


@pytest.mark.parametrize("search", SEARCHES)
def test_every_rank_of_a_row(search):
    order = -np.sort(-ALL, axis=1)
    ones = _weights("ones")
    for k in (1, 2, 3, 63, 64, 65, V - 1, V, V + 1, 2**31 - 1):
        found = SEARCHES[search](ALL, ones, np.full(len(ALL), k, np.int32))
        np.testing.assert_array_equal(found, order[:, k - 1] if k <= V else -np.inf, str(k))


@pytest.mark.parametrize("kind", ["ones", "some zeros"])
def test_no_weight_is_wanted_of_the_largest_value(kind):
    weights, none = _weights(kind), np.zeros(len(ALL), np.int32)
    for name in ("batch", "rows"):
        np.testing.assert_array_equal(SEARCHES[name](ALL, weights, none), ALL.max(1), name)


@pytest.mark.parametrize("kind", ["ones", "masses"])
def test_the_start_changes_no_threshold(kind):
    weights = _weights(kind)
    search = jax.jit(jax.vmap(_reached, in_axes=(0, 0, 0, None)))
    for share in (1e-9, 0.1, 0.9, 1):
        want = np.maximum(np.ceil(share * weights.sum(1, dtype=np.int64)), 1).astype(np.int32)
        found = search(ALL, weights, want, 0.0)
        for below in (-1.0, 1.0, 30.0, HUGE, -HUGE, np.inf, -np.inf):
            np.testing.assert_array_equal(search(ALL, weights, want, below), found, str(below))


def test_a_threshold_has_no_slope():
    def found(values):
        return _reached(values, jnp.ones(V, jnp.int32), jnp.int32(9))

    assert not jax.grad(found)(ROWS["flat"]).any()


@pytest.mark.parametrize("search", [search_on_tpu, search_on_gpu])
def test_weights_may_be_a_function_of_the_values(search):
    def weigh(values):
        return (values > -jnp.inf).astype(jnp.int32)

    want = jnp.arange(1, len(ALL) + 1, dtype=jnp.int32)
    one, other = (
        jax.jit(search, static_argnums=1)(ALL, weigh, want),
        search(ALL, weigh(ALL), want),
    )
    np.testing.assert_array_equal(one, other)
