"""Sort the vocabulary, mask, and draw noise for every token, as most JAX libraries do.

Without k and p nothing is sorted, and this is `jax.random.categorical` alone.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from .compiled import by_settings, calling
from .warp import column, drop_below, min_p, temper


@by_settings
def program(chain):
    def draw(key, logits):
        logits = temper(logits, chain)
        if chain["top_k"] is not None or chain["top_p"] is not None:
            logits = _filter(logits, chain["top_k"], chain["top_p"])
        return jax.random.categorical(key, min_p(logits, chain))

    return draw


def _filter(logits, k, p):
    ordered = -jnp.sort(-logits, axis=-1)
    rank = jnp.arange(logits.shape[-1])
    if k is not None:
        ordered = jnp.where(rank < column(k), ordered, -jnp.inf)
    kept = ordered > -jnp.inf
    if p is not None:
        mass = jax.nn.softmax(ordered, axis=-1)
        before = jnp.cumsum(mass, axis=-1) - mass
        # A row's first token always stays.
        kept &= (before < column(p)) | (rank == 0)
    return drop_below(logits, jnp.min(ordered, axis=-1, keepdims=True, where=kept, initial=jnp.inf))


def prepare(path, chain):
    return calling(program(chain), path)
