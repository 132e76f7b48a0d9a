"""Rows that know none of their largest values, as on a GPU: every answer reads the whole row."""

import functools

import jax.numpy as jnp
import pytest

from jaxsample.kernels import _validity
from jaxsample.kernels._largest import WIDTH, Largest, largest
from jaxsample.transforms.rows import _row


def knows_nothing(values):
    """Return the maxima of blocks alone."""
    none = jnp.full(min(len(values), WIDTH), -jnp.inf)
    tokens = jnp.zeros(none.shape, jnp.int32)
    return Largest(largest(values).tops, none, tokens, jnp.float32(jnp.inf))


def let_rows_know(patch, find):
    """Give `find` to `patch` as what rows know of themselves."""
    for module in (_validity, _row):
        patch.setattr(module, "largest", find)


def unknowing(function):
    """Return a function that traces with rows that know nothing."""

    @functools.wraps(function)
    def traced(*args):
        with pytest.MonkeyPatch.context() as patch:
            let_rows_know(patch, knows_nothing)
            return function(*args)

    return traced
