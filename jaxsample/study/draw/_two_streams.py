"""Two prompts for each row, whose common beginning is read once for all rows."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.decode._guidance import Streams, guided
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import first_stream, next_logits
from jaxsample.decode._prefill import prefill, start_rows
from jaxsample.decode._step import Decoding
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.contract._transform import Transform


def read_both(
    keys: jax.Array,
    model: Model,
    params: tuple[Any, Any],
    prompts: jax.Array,
    sampler: Transform,
    *,
    rows: jax.Array,
    lengths: jax.Array,
    budget: jax.Array,
    max_length: int,
    after: Decoding,
) -> Decoding:
    """Prefill the guided model after the beginning that the model of one stream has read.

    The rows of one prompt, such as its samples, read it once.

    Args:
        keys: `[B]`.
        model: the model of one stream; its guided model is continued with `axes=0`.
        params: its parameters and a combiner for each row, whose leaves carry `[B]`.
        prompts, lengths: `[U, 2, P]` and `[U, 2]`, prompts that differ.
        rows: `[B]`, the index of the prompt of each row.
        budget, max_length: see `prefill`.
        sampler: one for each row, with `[B]` on all leaves.
        after: one row, which has read the common beginning of all prompts with this model.

    Returns:
        The `Decoding` that `prefill` of the guided model returns with `sampler_axes=0`, up to the
        rounding of the model.
    """
    inner, combiner = params
    count, _, width = prompts.shape
    apart = prompts.reshape(2 * count, width)
    read = prefill(
        jax.random.key(0),
        model,
        inner,
        apart,
        chain(),
        lengths=lengths.reshape(2 * count),
        max_length=max_length,
        after=after,
    )
    both = read.cache, read.logits, read.hidden, read.position
    texts = prompts[rows], lengths[rows]
    return _together(model, both, rows, inner, combiner, texts, sampler, keys, budget, max_length)


@functools.partial(jax.jit, static_argnums=(0, 9))
def _together(model, both, rows, params, combiner, texts, sampler, keys, budget, max_length):
    cache, logits, hidden, position = jax.tree.map(
        lambda x: x.reshape(x.shape[0] // 2, 2, *x.shape[1:])[rows], both
    )
    prompts, lengths = texts
    if logits is None:
        logits = next_logits(guided(model, combiner, axes=0), (params, combiner), None, hidden)
    else:
        logits = jax.vmap(lambda combiner, x: combiner(x[0], x[1]))(combiner, logits)
    remaining = jnp.clip(jnp.minimum(budget, max_length - lengths.max(1)), 0)
    of_first = prompts[:, 0], lengths[:, 0], remaining
    rest = start_rows(sampler, 0, keys, *of_first, max_length, logits.shape[-1])
    cache = Streams(cache, position[:, 1] - position[:, 0])
    return Decoding(cache, logits.astype(jnp.float32), first_stream(hidden, 2), *rest)
