"""Cross-entropy, the default objective."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.decode._model import Model
from jaxsample.learn._examples import Examples
from jaxsample.learn._likelihood import logprobs_of
from jaxsample.transforms.contract._transform import Transform


def cross_entropy(
    sampler: Transform, batch: Examples, key: jax.Array, model: Model | None, params: Any
) -> tuple[jax.Array, jax.Array]:
    """Return the summed -log p of the tokens under the sampler, in nats, and their number.

    It is convex in 1 / T, and least where the expected logit under the sampler equals the mean
    logit of the texts. It is infinite if a hard filter drops a token of the texts, so `fit` trains
    with soft filters.

    Args:
        sampler: any transform.
        batch: checked examples.
        key: not used.
        model, params: the frozen model; None if the examples hold its outputs.

    Reference: the log score of Good, 1952.

    >>> texts = Examples(np.array([[0], [1]]), logits=np.zeros((2, 1, 4), np.float32)).checked()
    >>> loss = jax.jit(cross_entropy)
    >>> total, count = loss(Temperature(1.0), texts, jax.random.key(0), None, None)
    >>> round(float(total / count), 4), int(count)  # log 4
    (1.3863, 2)
    """
    del key
    live = jnp.arange(batch.tokens.shape[1])[None] < batch.token_lengths[:, None]
    surprise = -logprobs_of(sampler, batch, model, params)
    return jnp.sum(jnp.where(live, surprise, 0.0)), jnp.sum(live)
