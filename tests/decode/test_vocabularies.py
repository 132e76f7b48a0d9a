"""`sample` gives the tokens of the whole row for vocabularies of real sizes."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Temperature, TopK, TopP, chain, draw, sample
from jaxsample.kernels._blocks import tree_sum
from tests import toys
from tests.table import swept

P = 0.0, 1e-7, 0.5, 0.9, 0.999999, 1.0
K = 1, 2, 50, 64, 65, 5000, "V", "V + 1"


def _rows(size):
    rng = np.random.default_rng(size)
    flat = rng.standard_normal(size)
    peaked = rng.permutation(-1.5 * np.log(np.arange(1, size + 1))) + 0.3 * flat
    ten = np.full(size, -np.inf)
    ten[rng.choice(size, 10, replace=False)] = rng.standard_normal(10)
    rows = {
        "peaked": peaked,
        "flat": flat,
        "peaked, ties": jnp.asarray(peaked, jnp.bfloat16),
        "flat, ties": jnp.asarray(flat, jnp.bfloat16),
        "constant": np.zeros(size),
        "nine tenths masked": np.where(rng.random(size) < 0.9, -np.inf, flat),
        "ten left": ten,
        "nan": np.where(np.arange(size) == size - 3, np.nan, peaked),
    }
    return {name: np.asarray(row, np.float32) for name, row in rows.items()}


@jax.jit
def edges(row, ranks):
    """Return the values of p at which a nucleus gains its next token."""
    values = row - jnp.max(row)
    weights = jnp.exp(values)
    cuts = jnp.sort(values)[::-1][ranks]
    masses = jax.lax.map(lambda cut: tree_sum(jnp.where(values > cut, weights, 0.0)), cuts)
    return masses / tree_sum(weights)


@jax.jit
def both(keys, rows, samplers):
    """Draw each row with its setting, from the whole row and by `sample`."""

    def whole(args):
        key, row, sampler = args
        return draw(key, sampler(row))

    dense = jax.lax.map(whole, (keys, rows, samplers))
    return dense, jax.vmap(sample)(keys, rows, samplers)


@pytest.mark.parametrize("size", swept([50257, 151936], [50257]))
def test_every_row_and_setting(size):
    rows = _rows(size)
    k = [{"V": size, "V + 1": size + 1}.get(k, k) for k in K]
    settings = [
        (t, k, p) for k, p in zip(k + k, (P + P + P)[: 2 * len(k)], strict=True) for t in [0.8]
    ]
    settings += [(1.0, TopK.off, p) for p in P] + [(0.0, 50, 0.9), (50.0, 50, 0.9)]
    at = [(name, *s) for name in rows for s in settings]
    for name in ("peaked", "flat"):
        cuts = edges(rows[name], np.array([1, 2, 5, 63, 64, 65, 300]))
        at += [(name, 1.0, TopK.off, float(p)) for p in cuts]
    names, t, k, p = zip(*at, strict=True)
    values = np.stack([rows[name] for name in names])
    keys = jax.random.split(jax.random.key(3), len(at))
    sampler = chain(Temperature(np.float32(t)), TopK(np.int32(k)), TopP(np.float32(p)))
    dense, fast = both(keys, values, sampler)
    wrong = np.flatnonzero(dense != fast)
    assert not wrong.size, [at[i] for i in wrong]
    assert set(np.flatnonzero(dense == -1)) == {i for i, n in enumerate(names) if n == "nan"}


@pytest.mark.slow
def test_a_learned_chain_sorts_no_row_and_draws_few_random_bits():
    size, width, batch = 50257, 16, 4
    policy = toys.Learned.of(width)
    sampler = chain(policy, toys.Nucleus(0.9, 0.97), TopP(0.9))
    state = jax.vmap(lambda _: sampler.init(None, None))(jnp.arange(batch))
    keys = jax.random.split(jax.random.key(0), batch)
    hidden = jax.random.normal(jax.random.key(1), (batch, width))
    rows = jnp.tile(_rows(size)["peaked"], (batch, 1))
    many = jax.jit(jax.vmap(sample, in_axes=(0, 0, None, 0, 0)))
    hlo = many.lower(keys, rows, sampler, state, hidden).compile().as_text()
    # Nothing draws random bits for every token of a row, or sorts a row.
    shapes = re.findall(r"u32\[([\d,]+)\]\S* xor\(|\[([\d,]+)\]\S* sort\(", hlo)
    sizes = [int(n) for bits, sorts in shapes for n in (bits or sorts).split(",")]
    assert 0 < max(sizes) < size
    fast = many(keys, rows, sampler, state, hidden)
    dense = jax.jit(jax.vmap(lambda key, *args: draw(key, sampler(*args))))
    np.testing.assert_array_equal(fast, dense(keys, rows, state, hidden))
