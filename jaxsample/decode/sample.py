"""Draw one token through a sampler."""

from __future__ import annotations

from typing import Any

import jax

from jaxsample.kernels.draw import draw
from jaxsample.transforms.base import Transform


def sample(
    key: jax.Array,
    logits: jax.Array,
    sampler: Transform,
    state: Any = None,
    hidden: jax.Array | None = None,
) -> jax.Array:
    """Draw a token from one row of logits through a sampler.

    Means `draw(key, sampler(logits, state, hidden))`. With state, the caller then calls
    `sampler.update(state, logits, token, hidden)`, logits being what `sample` got.

    Args:
        key: a PRNG key.
        logits: `[V]`; batches by `jax.vmap`, with a key per row.
        sampler: any transform; `chain()` is plain sampling.
        state: the sampler's state, or None for one without a prompt.
        hidden: `[D]`, the model's last hidden state, or None.

    Returns:
        The token, int32; -1 for an invalid row.

    Raises:
        ValueError: if `logits` is not one row.

    >>> sample(jax.random.key(0), jnp.array([0.0, 9.0, 1.0]), TopK(1))
    Array(1, dtype=int32)
    """
    return draw(key, sampler(logits, state, hidden))
