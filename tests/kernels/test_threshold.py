"""Interpolation finds the same thresholds as bisection over all floats."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample.kernels._threshold import kth_value, smallest, smallest_value, value_at_mass
from jaxsample.kernels._tree import tree_sum

V = 5000  # more blocks than a window holds; shorter rows use bisection only


def _rows():
    rng = np.random.default_rng(0)
    flat = rng.standard_normal(V)
    ranks = rng.permutation(np.log(np.arange(1, V + 1)))
    return {
        "flat": flat,
        "peaked": -1.5 * ranks + 0.3 * flat,
        "ties": np.round(flat, 1),
        "two values": np.where(flat > 1, 3.0, -2.0),
        "constant": np.zeros(V),
        "wide": 1e30 * flat,
        "tiny": 1e-30 * flat,
        "half masked": np.where(flat > 0, flat, -np.inf),
        "three left": np.where(np.arange(V) % 2000 == 7, flat, -np.inf),
        "two humps": np.where(ranks < 4, 5 + flat, -8 + 2 * flat),
    }


ROWS = {name: np.float32(row) for name, row in _rows().items()}
SHARES = np.float32([0, 1e-7, 0.03, 0.5, 0.9, 0.99, 0.999999, 1])


def weigh(values, top):
    below = jnp.maximum(jnp.where(values > -jnp.inf, values, top) - top, -3e38)
    return jnp.where(values > -jnp.inf, jnp.exp(below), 0.0)


@jax.jit
def by_mass(row, share):
    top = jnp.max(row)
    weights = weigh(row, top)
    total = tree_sum(weights)
    mass = share * total

    def holds(t):
        return tree_sum(jnp.where(row > t, weights, 0.0)) < mass

    bisected = smallest(holds, smallest_value(row), top)
    found = value_at_mass(row, weights, lambda v: weigh(v, top), mass, total, top)
    return found, bisected, holds(found)


by_count = jax.jit(lambda row, k: kth_value(row, k, jnp.max(row)))


@pytest.mark.parametrize("name", ROWS)
def test_value_at_mass(name):
    row = ROWS[name]
    top = np.exp(np.float64(row) - np.float64(row.max()))
    order = np.sort(row[row > -np.inf])[::-1]
    for share in [
        *SHARES,
        *np.float32(np.cumsum(np.sort(top)[::-1])[[0, 4, 63, 64, 999]] / top.sum()),
    ]:
        found, bisected, holds = by_mass(row, share)
        # Bisection may stop between two values of the row, but it keeps the same tokens.
        np.testing.assert_array_equal(row >= found, row >= bisected, err_msg=str(share))
        assert found in order
        assert holds or share == 0


@pytest.mark.parametrize("name", ROWS)
def test_kth_value(name):
    row = ROWS[name]
    order = np.sort(row)[::-1]
    for k in (1, 2, 3, 63, 64, 65, 1234, V - 1, V, V + 1, 2**31 - 1):
        expected = order[k - 1] if k <= V else -np.inf
        assert by_count(row, k) == expected, k


def test_a_mass_that_is_no_number():
    row = ROWS["flat"]
    assert np.isnan(by_mass(row, np.float32("nan"))[0])
