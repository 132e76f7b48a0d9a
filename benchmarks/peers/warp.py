"""Temperature, thresholds and min-p in plain JAX, for the peers that are written here."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def column(value):
    """Return a setting that broadcasts over `[B, V]`: a column if it differs from row to row."""
    return jnp.asarray(value)[:, None] if isinstance(value, list) else value


def temper(logits: jax.Array, chain: dict) -> jax.Array:
    """Divide the logits by the chain's temperature, which depends on the entropy with theta."""
    temperature = column(chain["temperature"])
    if chain["theta"] is not None:
        log_p = jax.nn.log_softmax(logits, axis=-1)
        entropy = -jnp.sum(jnp.exp(log_p) * log_p, axis=-1, keepdims=True)
        temperature = temperature * 0.8 ** (chain["theta"] / entropy)
        temperature = jnp.maximum(temperature, 1e-6)  # 0 if the entropy is, which divides by 0
    return logits / temperature


def drop_below(logits: jax.Array, threshold: jax.Array) -> jax.Array:
    """Drop the tokens below the threshold of their row."""
    return jnp.where(logits < threshold, -jnp.inf, logits)


def min_p(logits: jax.Array, chain: dict) -> jax.Array:
    """Drop the tokens whose probability is below min-p times the largest."""
    if chain["min_p"] is None:
        return logits
    top = jnp.max(logits, axis=-1, keepdims=True)
    return drop_below(logits, top + jnp.log(column(chain["min_p"])))
