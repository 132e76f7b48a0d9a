"""Rotary position embeddings."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from ._layer_kinds import RopeScaling


def frequencies(size: int, theta: float, scaling: RopeScaling | None, slots: int) -> np.ndarray:
    """Compute the angle per position of each pair of channels, `[size / 2]` float32.

    Args:
        size: number of channels that rotate.
        theta: base of the wavelengths.
        scaling: how frequencies are scaled, or None.
        slots: number of positions in the cache.

    Reference: Su et al., 2021, https://arxiv.org/abs/2104.09864
    """
    if scaling is not None and scaling.kind == "dynamic" and slots > scaling.original:
        grown = scaling.factor * slots / scaling.original - (scaling.factor - 1)
        theta = theta * grown ** (size / (size - 2))
    plain = theta ** -(np.arange(0, size, 2, dtype=np.float64) / size)
    return _stretch(plain, theta, scaling, slots).astype(np.float32)


def _stretch(plain: np.ndarray, theta: float, scaling: RopeScaling | None, slots: int):
    if scaling is None or scaling.kind == "dynamic":
        return plain
    if scaling.kind == "linear":
        return plain / scaling.factor
    if scaling.kind == "proportional":
        turning = np.arange(len(plain)) < int(2 * len(plain) * scaling.share // 2)
        return np.where(turning, plain / scaling.factor, 0.0)
    if scaling.kind == "longrope":
        return plain / np.array(scaling.long if slots > scaling.original else scaling.short)
    if scaling.kind == "yarn":
        keep = _yarn(2 * len(plain), theta, scaling)
    else:
        turns = scaling.original * plain / (2 * np.pi)
        keep = np.clip((turns - scaling.low) / (scaling.high - scaling.low), 0.0, 1.0)
    return plain * (keep + (1 - keep) / scaling.factor)


def _yarn(size: int, theta: float, scaling: RopeScaling) -> np.ndarray:
    """Compute the share of each frequency that is kept, `[size / 2]`.

    Reference: Peng et al., 2023, https://arxiv.org/abs/2309.00071
    """

    def channel(turns: float) -> float:
        """Return the channel whose frequency turns this often in `original` tokens."""
        return size * math.log(scaling.original / (turns * 2 * math.pi)) / (2 * math.log(theta))

    first, last = channel(scaling.high), channel(scaling.low)
    if scaling.truncate:
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, size - 1)
    if first == last:
        last += 0.001
    return 1 - np.clip((np.arange(size // 2) - first) / (last - first), 0.0, 1.0)


def angles(
    size: int, theta: float, scaling: RopeScaling | None, positions: jax.Array, slots: int
) -> tuple[jax.Array, jax.Array]:
    """Compute cosines and sines at positions `[B, T]`: float32 `[B, T, 1, size / 2]` each."""
    turn = frequencies(size, theta, scaling, slots)
    angle = positions[..., None, None].astype(jnp.float32) * turn[None, None, None]
    attention = 1.0 if scaling is None else scaling.attention
    return attention * jnp.cos(angle), attention * jnp.sin(angle)


def rotate(x: jax.Array, cos: jax.Array, sin: jax.Array) -> jax.Array:
    """Rotate the first channels of heads `[B, T, heads, head_dim]`, twice as many as `cos` has.

    Of these, channel i pairs with channel i + half their number.
    """
    half = cos.shape[-1]
    first, second, rest = jnp.split(x.astype(jnp.float32), (half, 2 * half), axis=-1)
    rotated = [first * cos - second * sin, second * cos + first * sin, rest]
    return jnp.concatenate(rotated, axis=-1).astype(x.dtype)
