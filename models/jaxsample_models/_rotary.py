"""Rotary position embeddings."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ._config import RopeScaling, TransformerConfig


def frequencies(config: TransformerConfig) -> np.ndarray:
    """Compute the angle per position of each pair of channels, `[head_dim / 2]` float32.

    Reference: Su et al., 2021, https://arxiv.org/abs/2104.09864
    """
    exponents = np.arange(0, config.head_dim, 2, dtype=np.float64) / config.head_dim
    plain = config.rope_theta**-exponents
    return _stretch(plain, config.rope_scaling).astype(np.float32)


def _stretch(plain: np.ndarray, scaling: RopeScaling | None) -> np.ndarray:
    if scaling is None:
        return plain
    if scaling.kind == "linear":
        return plain / scaling.factor
    turns = scaling.original * plain / (2 * np.pi)
    keep = np.clip((turns - scaling.low) / (scaling.high - scaling.low), 0.0, 1.0)
    return plain * (keep + (1 - keep) / scaling.factor)


def angles(config: TransformerConfig, positions: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Compute cosines and sines at positions `[B, T]`: float32 `[B, T, 1, head_dim / 2]` each."""
    angle = positions[..., None, None].astype(jnp.float32) * frequencies(config)[None, None, None]
    return jnp.cos(angle), jnp.sin(angle)


def rotate(x: jax.Array, cos: jax.Array, sin: jax.Array) -> jax.Array:
    """Rotate heads `[B, T, heads, head_dim]`; channel i pairs with channel i + head_dim / 2."""
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    rotated = jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
    return rotated.astype(x.dtype)
