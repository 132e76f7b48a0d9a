"""The temperature that brings a model closest to a known truth, position by position."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from .contexts import Contexts, by_unit

COLDEST, HOTTEST = 0.1, 8.0
"""The range of temperatures. An optimum beyond an end is reported as that end."""

STEPS = 26  # halve the range of log T down to the precision of float32


@jax.jit
def ideal_temperatures(contexts: Contexts) -> jax.Array:
    """Return the T at each position with the least KL(truth || softmax(logits / T)), `[S, T]`.

    The divergence is convex in beta = 1 / T. Its derivative is E_q[z] - E_p[z] with q the tempered
    model and p the truth, and E_q[z] grows with beta, so bisection finds the root.

    Where the truth allows the model's favourite alone, colder is always better: `COLDEST`. T is 1
    where all logits are equal, and at padding.
    """
    found = by_unit(jax.vmap(lambda at: _solve(at.logits, at.truth)), contexts)
    return jnp.where(contexts.live, found, 1.0)


def _solve(logits, truth):
    z = logits - jnp.max(logits)
    wanted = jnp.sum(truth * z) / jnp.sum(truth)

    def halve(_, ends):
        low, high = ends
        middle = (low + high) / 2
        enough = jnp.sum(jax.nn.softmax(jnp.exp(middle) * z) * z) > wanted
        return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

    ends = jnp.float32(-math.log(HOTTEST)), jnp.float32(-math.log(COLDEST))
    low, high = lax.fori_loop(0, STEPS, halve, ends)
    return jnp.where(jnp.min(z) < 0, jnp.exp(-(low + high) / 2), 1.0)
