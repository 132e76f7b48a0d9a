"""The mass and the entropy of a row."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsample.transforms.rows._row import Row


def entropy(row: Row) -> jax.Array:
    """Return the entropy of a row's distribution in nats."""
    return log_mass_and_entropy(row)[1]


def log_mass_and_entropy(row: Row) -> tuple[jax.Array, jax.Array]:
    """Return the log of the summed exp(value - max), and the entropy, both in nats."""
    mass, log_mass, s = masses(row)
    return log_mass, log_mass - s / mass


def masses(row: Row) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the sum of exp(d), its logarithm and the sum of d exp(d), for d = value - max."""
    # Sum the maxima separately: next to a 1 the small terms would be rounded away.
    tops = row.ties
    rest, s = row.sum(lambda d: jnp.where(d < 0, jnp.exp(d), 0.0), lambda d: jnp.exp(d) * d)
    return tops + rest, jnp.log1p(rest + (tops - 1.0)), s
