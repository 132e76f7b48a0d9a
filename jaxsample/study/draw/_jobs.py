"""The texts that a sweep draws, and their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.kernels._noise import as_key, fold_in

RECORD = "logprobs", "model_logprobs", "entropy", "kept"


class Job(NamedTuple):
    """One text to draw.

    Attributes:
        setting, item: the index of the setting and of the item.
        seed: the key of the text is made from the seed, the item and the sample.
        sample: the index among the texts of this setting, item and seed.
    """

    setting: int
    item: int
    seed: int
    sample: int


def keys_of(jobs: Sequence[Job]) -> jax.Array:
    """Return the row keys `[B]` of jobs."""
    return fold_in(keys_of_items(jobs), jnp.asarray([job.sample for job in jobs]))


def keys_of_items(jobs: Sequence[Job]) -> jax.Array:
    """Return the keys `[B]` from which those of all samples of the jobs are made."""
    keys = jax.vmap(jax.random.key)(jnp.asarray([job.seed for job in jobs], jnp.uint32))
    return fold_in(as_key(keys), jnp.asarray([job.item for job in jobs]))
