"""The value at a share of a sum, for rows of a large vocabulary with a long tail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample.transforms.rows._row import Row
from tests.table import swept

V = 128256
# A term counts as a multiple of total / 2**29 at the coarsest, so it is rounded by half of that.
HALF = 2.0**-30
# float32: exp, the total and the product with the share are each rounded a few times.
ROUNDING = 16 * 2.0**-24


def _rows():
    """Return rows whose tail tokens have these shares of the mass, beside a few likely tokens."""
    rng = np.random.default_rng(0)
    likely = np.log(rng.dirichlet(np.full(100, 0.3)) + 1e-6)
    rows = {}
    for name, share in {"nothing": 1e-14, "zero": 4e-10, "a unit": 1.5e-9, "more": 3e-8}.items():
        row = np.log(share) + 0.1 * rng.standard_normal(V)
        row[rng.choice(V, 100, replace=False)] = likely
        rows[name] = row
    rows["zipf"] = rng.permutation(-1.1 * np.log(np.arange(1, V + 1)))
    rows["flat"] = rng.standard_normal(V)
    return {name: np.float32(row) for name, row in rows.items()}


ROWS = _rows()
TERMS = {
    "mass": (jnp.exp, np.exp),
    "surprise": (lambda d: -d * jnp.exp(d), lambda d: -d * np.exp(d)),
}


@pytest.mark.parametrize("name", swept(TERMS, ["mass"]))
def test_the_share_is_met_up_to_the_rounding_of_the_weights(name):
    term, exact = TERMS[name]
    find = jax.jit(lambda row, share: Row.of(row).value_at(term, share))
    for kind, row in ROWS.items():
        order = np.sort(row)[::-1].astype(np.float64)
        terms = exact(order - order[0])
        above = np.concatenate([[0.0], np.cumsum(terms)]) / terms.sum()
        found = []
        for share in np.float32([1e-6, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999]):
            value = float(find(row, share))
            found.append(value)
            strictly, together = np.searchsorted(-order, -value), np.sum(order >= value)
            message = f"{kind}, share {share}: {together} tokens"
            # If all weights are too few, the value is -inf, and these are all V tokens.
            assert above[strictly] < share + ROUNDING + HALF * strictly, message
            assert above[together] > share - ROUNDING - HALF * together, message
        assert found == sorted(found, reverse=True)


def test_a_tail_whose_weights_round_to_zero():
    """The likely tokens are found whatever the tail is; a share inside the tail keeps it all."""
    find = jax.jit(lambda row, share: Row.of(row).value_at(jnp.exp, share))
    row = ROWS["zero"]
    order = np.sort(row)[::-1].astype(np.float64)
    masses = np.cumsum(np.exp(order)) / np.exp(order).sum()
    tail = 1 - masses[99]
    assert 4e-5 < tail < 6e-5
    for rank in (0, 3, 30):
        assert find(row, np.float32(masses[rank] - 1e-6)) == np.float32(order[rank])
    assert find(row, np.float32(1 - tail / 2)) == -np.inf
