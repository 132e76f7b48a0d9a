"""The temperature that brings a model closest to a known truth, state by state."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from .contexts import Contexts, by_unit

COLDEST, HOTTEST = 0.1, 8.0
"""The temperatures looked at; an optimum beyond is reported as the end it lies beyond."""

STEPS = 40


@jax.jit
def ideal_temperatures(contexts: Contexts) -> jax.Array:
    """Return the T at each position with the least KL(truth || softmax(logits / T)), `[S, T]`.

    The divergence is convex in beta = 1 / T, with derivative E_p[z] - E_q[z] up to sign, so the
    optimum is the one root of E_q[z] = E_p[z]. Newton's method finds it, for the logarithms of
    both sides (z shifted to a maximum of 0) as a function of log beta, which is nearly straight
    where the model is sure; it stays inside a bracket, halved where a step would leave it.

    Where the truth is the model's favourite alone, colder is always better: `COLDEST`. 1 where all
    logits are equal, and at padding.
    """
    found = by_unit(jax.vmap(lambda at: _solve(at.logits, at.truth)), contexts)
    return jnp.where(contexts.live, found, 1.0)


def _solve(logits, truth):
    z = logits - jnp.max(logits)
    wanted = jnp.sum(truth * z) / jnp.sum(truth)

    def moments(s):
        q = jax.nn.softmax(jnp.exp(s) * z)
        mean = jnp.sum(q * z)
        return mean, jnp.sum(q * (z - mean) ** 2)

    def step(carry):
        n, s, low, high, _ = carry
        mean, variance = moments(s)
        low, high = jnp.where(mean < wanted, s, low), jnp.where(mean < wanted, high, s)
        newton = s - jnp.log(mean / wanted) * mean / (jnp.exp(s) * variance)
        inside = (newton > low) & (newton < high)
        to = jnp.where(inside, newton, (low + high) / 2)
        return n + 1, to, low, high, jnp.abs(to - s)

    def goes_on(carry):
        n, *_, moved = carry
        return (n < STEPS) & (moved > 1e-6)

    ends = -math.log(HOTTEST), -math.log(COLDEST)
    low, high = jnp.float32(ends[0]), jnp.float32(ends[1])
    s = lax.while_loop(goes_on, step, (0, jnp.zeros_like(wanted), low, high, jnp.inf))[1]
    s = jnp.where(moments(low)[0] >= wanted, low, s)
    s = jnp.where(moments(high)[0] <= wanted, high, s)
    return jnp.where(jnp.min(z) < 0, jnp.exp(-s), 1.0)
