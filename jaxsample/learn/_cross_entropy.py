"""The default objective: how surprised the sampler is by the texts."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.decode._model import Model
from jaxsample.learn._examples import Examples
from jaxsample.learn._likelihood import logprobs
from jaxsample.transforms.contract._transform import Transform


def cross_entropy(
    sampler: Transform, batch: Examples, key: jax.Array, model: Model | None, params: Any
) -> tuple[jax.Array, jax.Array]:
    """Return the summed -log p of the tokens under the sampler, nats, and how many there are.

    Convex in 1 / T, and least where the expected logit under the sampler is that under the texts.
    Infinite once a hard filter drops a token of the texts; `fit` trains with soft ones.

    Reference: the objective is the log score, Good, 1952.

    >>> texts = Examples(np.array([[0], [1]]), logits=np.zeros((2, 1, 4), np.float32)).checked()
    >>> loss = jax.jit(cross_entropy)
    >>> total, count = loss(Temperature(1.0), texts, jax.random.key(0), None, None)
    >>> round(float(total / count), 4), int(count)  # log 4
    (1.3863, 2)
    """
    del key
    live = jnp.arange(batch.tokens.shape[1])[None] < batch.token_lengths[:, None]
    surprise = -logprobs(sampler, batch, model, params)
    return jnp.sum(jnp.where(live, surprise, 0.0)), jnp.sum(live)
