"""A logits processor for the Flax models of transformers 4."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import jax
from transformers.generation.flax_logits_process import FlaxLogitsProcessor

from jaxsample.interop._stateless import stateless
from jaxsample.transforms.contract._transform import Transform


class Processor(FlaxLogitsProcessor):
    """A sampler as a logits processor of transformers' Flax models, version 4.

    Give it to `generate(.., logits_processor=FlaxLogitsProcessorList([Processor(sampler)]))` with
    `do_sample=True, top_k=0`. transformers then draws from the logits that the sampler returns,
    by its own key.

    Args:
        sampler: a transform without state.

    Raises:
        ValueError: if `sampler` is no transform or has state.

    >>> Processor(TopK(1))(None, jnp.array([[0.0, 9.0, 1.0]]), 0)
    Array([[-inf,   9., -inf]], dtype=float32)
    """

    def __init__(self, sampler: Transform):
        self.sampler = stateless("transformers' loop", sampler)

    def __call__(self, input_ids: jax.Array, scores: jax.Array, cur_len: int) -> jax.Array:
        """Transform each row of scores `[B, V]`."""
        del input_ids, cur_len
        return jax.vmap(self.sampler)(scores)
