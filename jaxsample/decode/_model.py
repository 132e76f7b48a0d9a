"""How a model plugs in: three pure functions, and nothing else is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax


class ModelOutput(NamedTuple):
    """What `Model.apply` returns.

    Attributes:
        logits: `[B, T, V]`, or None where `Model.unembed` rebuilds them from `hidden`.
        hidden: `[B, T, D]` after the final norm, or None if the model does not show it; of a model
            with several streams `[B, T, streams, D]`.
        cache: the cache after these tokens, the same structure as the one that came in.

    >>> output = bigram.apply(table, jnp.array([[0, 1]]), jnp.array([[0, 1]]), ())
    >>> output.logits.shape, output.hidden
    ((1, 2, 4), None)
    """

    logits: jax.Array | None
    hidden: jax.Array | None
    cache: Any


class Model(NamedTuple):
    """A language model as pure functions of its parameters.

    The functions must be stable objects (defined once, not rebuilt per call): they are static
    under `jit`.

    Attributes:
        init_cache: `(batch, max_length) -> cache`, any pytree whose leaves have the batch as their
            first axis: a KV cache, a recurrent state, both.
        apply: `(params, tokens [B, T], positions [B, T], cache) -> ModelOutput`. A position of -1
            is padding: the model leaves that row of the cache as it is.
        unembed: `(params, hidden [.., D]) -> logits [.., V]`, or None. With it `apply` may return
            hidden states only, and `[B, T, V]` never exists.
        streams: how many prompts make one row of output. A model with more than one is given
            prompts `[B, streams, P]`, and as `tokens` and `positions` first these and then what is
            written, `[B, T]`; see `guided`. Position, hidden state and all else that is shown of a
            row are those of its first stream.

    >>> def apply(params, tokens, positions, cache):  # this model remembers nothing
    ...     return ModelOutput(params[tokens], None, cache)
    >>> bigram = Model(lambda batch, max_length: (), apply)
    >>> table = jnp.log(0.1 + 0.6 * jnp.roll(jnp.eye(4), 1, axis=1))  # after t mostly t + 1
    >>> generate(jax.random.key(0), bigram, table, jnp.array([[0], [2]]), TopK(1),
    ...          max_new_tokens=4).tokens
    Array([[1, 2, 3, 0],
           [3, 0, 1, 2]], dtype=int32)
    """

    init_cache: Callable[[int, int], Any]
    apply: Callable[[Any, jax.Array, jax.Array, Any], ModelOutput]
    unembed: Callable[[Any, jax.Array], jax.Array] | None = None
    streams: int = 1
