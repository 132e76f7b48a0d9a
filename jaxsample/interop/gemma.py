"""A sampling method of the gemma library that draws through a sampler of this library."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

import dataclasses
from typing import Literal

import jax
from gemma import gm

from jaxsample.decode._sample_rows import sample_rows
from jaxsample.interop._stateless import stateless
from jaxsample.transforms.contract._transform import Transform


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling(gm.text.SamplingMethod):
    """A sampler as the `sampling` of `gm.text.ChatSampler` and `gm.text.Sampler`.

    gemma compiles its loop for each sampling method. Methods with equal samplers share one
    program.

    Attributes:
        sampler: a transform without state.
        invalid: what a row with invalid logits draws; give an id on several devices, see
            `sample_rows`.

    Raises:
        ValueError: if `sampler` is no transform or has state.

    >>> logits = jnp.array([[0.0, 9.0, 1.0], [7.0, 0.0, 1.0]])
    >>> Sampling(sampler=TopK(1)).get_next_tokens(logits, jax.random.key(0))
    Array([1, 0], dtype=int32)
    """

    sampler: Transform
    invalid: int | Literal["raise"] = "raise"

    def __post_init__(self):
        stateless("gemma's loop", self.sampler)

    def get_next_tokens(self, logits: jax.Array, rng: jax.Array) -> jax.Array:
        """Draw a token from each row of logits `[.., V]`."""
        return sample_rows(rng, logits, self.sampler, invalid=self.invalid)
