"""Texts that a sampler drew, for one or several updates."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from jaxsample.learn._examples import Examples


class Rollouts(NamedTuple):
    """Groups of texts, with what an objective needs to learn from them.

    Attributes:
        texts: `[B * K]` examples, the K texts of a prompt side by side.
        advantages: `[B, K]`.
        value: `[B]`, the value of each group.
        logprobs: `[B, K, N]` nats, under the sampler that drew the texts; None if there is only one
            epoch.
        first: scalar bool, True in the first epoch: the sampler is still the one that drew the
            texts.
    """

    texts: Examples
    advantages: jax.Array
    value: jax.Array
    logprobs: Any
    first: jax.Array

    def again(self) -> Rollouts:
        """Return the same texts for another epoch."""
        return self._replace(first=jax.device_put(np.bool_(False)))
