"""The interface of a language model: three pure functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxsample.transforms.contract._exported import exported


@exported
class ModelOutput(NamedTuple):
    """The output of `Model.apply`.

    Attributes:
        logits: `[B, T, V]`, or None if `Model.unembed` computes them from `hidden`.
        hidden: `[B, T, D]` after the final norm, or None if the model does not return it. A model
            with several streams returns `[B, T, streams, D]`.
        cache: the cache after these tokens, with the structure of the one passed in.

    >>> output = bigram.apply(table, jnp.array([[0, 1]]), jnp.array([[0, 1]]), ())
    >>> output.logits.shape, output.hidden
    ((1, 2, 4), None)
    """

    logits: jax.Array | None
    hidden: jax.Array | None
    cache: Any


class Model(NamedTuple):
    """A language model as pure functions of its parameters.

    The functions are static under `jit`. Define them once: a new function object at every call
    would compile again.

    Attributes:
        init_cache: `(batch, max_length) -> cache`, any pytree whose leaves have the batch as their
            first axis, such as a KV cache or a recurrent state.
        apply: `(params, tokens [B, T], positions [B, T], cache) -> ModelOutput`. A position of -1
            marks padding, for which the model must not change the cache.
        unembed: `(params, hidden [.., D]) -> logits [.., V]`, or None. With it `apply` may return
            hidden states only, so that `[B, T, V]` never exists.
        streams: the number of prompts that make one row of output. If it is above 1, prompts are
            `[B, streams, P]`; `apply` is first called with tokens and positions of that shape, and
            then with the generated tokens `[B, T]`. The position and hidden state of a row are
            those of its first stream. See `guided`.
        rewinds: whether tokens can be taken back: a token at an earlier position hides what the
            cache holds of later ones. True for keys and values that are masked by position, False
            for a recurrent state.

    >>> def apply(params, tokens, positions, cache):  # a model without a cache
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
    rewinds: bool = False
