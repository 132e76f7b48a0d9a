"""The surrogate loss of drawn texts: its gradient estimates that of their expected value."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.learn._rollouts import Rollouts

NORMALIZERS = None, "token", "text"


def surrogate(
    clip: float | None, normalize: str | None, drawn: Rollouts, logprobs: jax.Array, costs: Any
) -> tuple[jax.Array, jax.Array]:
    """Return the summed loss of the groups, and the number that divides it.

    Args:
        clip, normalize: see `PolicyGradient`; static.
        drawn: the texts.
        logprobs: `[B * K, N]`, under the sampler as it is now.
        costs: `[B * K, N]`, or None.
    """
    groups, samples = drawn.advantages.shape
    shape = groups, samples, logprobs.shape[1]
    logprobs, advantages = logprobs.reshape(shape), drawn.advantages[..., None]
    if costs is not None:
        costs = costs.reshape(shape)
        advantages = advantages - _to_come(lax.stop_gradient(costs))
    if drawn.logprobs is not None:
        ratio = jnp.exp(lax.stop_gradient(logprobs) - drawn.logprobs)
        # In the first epoch it is 1, but two programs may round a log-probability differently.
        ratio = jnp.where(drawn.first, 1.0, ratio)
        if clip is not None:
            past = jnp.where(advantages > 0, ratio > 1 + clip, ratio < 1 - clip)
            ratio = jnp.where(past, 0.0, ratio)
        advantages = jnp.where(advantages == 0, 0.0, advantages * ratio)  # a ratio may overflow
    # The gradient of -inf is zero. A filter may drop a drawn token whose logit rounds otherwise.
    loss = -advantages * jnp.where(logprobs == -jnp.inf, 0.0, logprobs)
    if costs is not None:
        loss += costs
    lengths = drawn.texts.token_lengths
    if normalize == "token":
        return jnp.sum(loss), jnp.sum(lengths)
    if normalize == "text":
        loss /= jnp.maximum(lengths, 1).astype(jnp.float32).reshape(groups, samples, 1)
    return jnp.sum(loss) / samples, jnp.int32(groups)


def _to_come(costs):
    """Return the costs `[B, K, N]` after each token, less their mean over the other texts."""
    after = jnp.flip(jnp.cumsum(jnp.flip(costs, 2), axis=2), 2) - costs
    others = costs.shape[1] - 1
    return after - (jnp.sum(after, axis=1, keepdims=True) - after) / max(others, 1)
