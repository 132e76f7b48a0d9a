"""MaxText's engine with a sampler of this library."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
from maxtext.inference import inference_utils

from jaxsample.decode._sample_rows import sample_rows
from jaxsample.interop._stateless import stateless
from jaxsample.transforms.contract._transform import Transform


@contextlib.contextmanager
def sampling(sampler: Transform, invalid: int = 0) -> Iterator[None]:
    """Let `maxtext.inference.inference_utils.sampling` draw through a sampler.

    MaxText has no place for samplers of others: its engine calls this function. The engine
    compiles `prefill` and `generate` at their first call, so make that call in this context. The
    strategy, top-k, nucleus and temperature of its config are then not used.

    Args:
        sampler: a transform without state.
        invalid: the token id that a row with invalid logits draws. MaxText runs on several
            devices, where a program cannot raise an error, see `sample_rows`.

    Raises:
        ValueError: if `sampler` is no transform or has state.

    >>> logits = jnp.array([[[0.0, 9.0, 1.0]], [[7.0, 0.0, 1.0]]])
    >>> with sampling(TopK(1)):
    ...     inference_utils.sampling(logits, jax.random.key(0), "weighted")
    Array([[1],
           [0]], dtype=int32)
    """
    stateless("MaxText's engine", sampler)

    def drawn(logits: jax.Array, rng: jax.Array, *_: Any, **__: Any) -> jax.Array:
        return sample_rows(rng, logits, sampler, invalid=invalid)

    theirs = inference_utils.sampling
    inference_utils.sampling = drawn
    try:
        yield
    finally:
        inference_utils.sampling = theirs
