"""The exchange of small arrays between devices that share a vocabulary."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.interpreters import ad

from jaxsample.kernels._per_row import per_row

MOST = 64  # devices that share a vocabulary, at most; more than these share the batch


def everywhere(x: jax.Array) -> jax.Array:
    """Return `x` `[.., n]`, moved at once to every device that has a part of the row.

    Later steps then move nothing. Without it, every maximum and every sum would be exchanged.
    Combine the result with nothing that is divided over devices: `x` would stay divided.
    """
    return _everywhere.bind(x.reshape(-1, x.shape[-1]))[0].reshape(x.shape)


def multiple(count: int, devices: int) -> int:
    """Return the least number >= `count` that the devices can divide evenly."""
    parts = min(devices, MOST)
    return -(-count // parts) * parts


def _gathered(x, devices):
    if devices == 1:
        return [x]
    # The compiler exchanges all parts for a gather from a divided array.
    size = x.shape[1]
    parts = jnp.pad(x, ((0, 0), (0, multiple(size, devices) - size)))
    parts = parts.reshape(x.shape[0], min(devices, MOST), -1)
    order = jnp.arange(parts.shape[1], dtype=jnp.int32)
    parts = parts.at[:, order].get(mode="promise_in_bounds")
    return [parts.reshape(x.shape[0], -1)[:, :size]]


_everywhere = per_row("everywhere", lambda x: [x], _gathered)
ad.primitive_jvps[_everywhere] = lambda primals, tangents: (_everywhere.bind(*primals), tangents)
