"""The rival: a low-rank update of the model's unembedding, with as many weights as a policy.

The logits are U (h + B A h), where U is the model's own unembedding and h its hidden state. So
A [r, D] and B [D, r] are a LoRA of U whose second factor is U B.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsample import Model

from .curves import Curves


class Tuned(NamedTuple):
    """The trained factors, and nats per token on val."""

    factors: tuple[Any, Any]
    val: float
    epochs: int


def rank(weights: int, size: int) -> int:
    """Return the rank with about `weights` weights in both factors; `size` is the hidden size."""
    return max(1, round(weights / (2 * size)))


def hidden_of(curves: Curves, size: int) -> np.ndarray:
    """Return the hidden states `[N, D]`, which are kept scaled to unit size."""
    return curves.seen[:, -size:] * curves.size[:, None]


def surprise_of(model: Model, params: Any, factors: Any, curves: Curves, batch: int) -> np.ndarray:
    """Return the surprise of every token under the updated model, nats `[N]`."""
    hidden, token = hidden_of(curves, factors[0].shape[1]), curves.token
    count, parts = len(token), []
    for i in range(0, count, batch):
        # The last batch overlaps the one before it: batches of one size need one compilation.
        begin = max(min(i, count - batch), 0)
        some = slice(begin, begin + batch)
        parts.append(_surprise(model, params, factors, hidden[some], token[some])[i - begin :])
    return np.concatenate(parts)


def tune(
    model: Model,
    params: Any,
    train: Curves,
    val: Curves,
    *,
    rank: int,
    size: int,
    rate: float,
    decay: float,
    batch: int,
    epochs: int,
    patience: int,
    seed: int,
    step: Any,
) -> Tuned:
    """Train the factors by cross-entropy with AdamW, and keep those that are best on val.

    Args:
        model, params: the frozen model, with `unembed`.
        train, val: curves, of which the hidden states and tokens are used.
        rank: r.
        size: of the hidden state, D.
        rate, decay: of AdamW; the rate falls to 0 along a cosine.
        batch: tokens a step.
        epochs: at most.
        patience: stop after this many epochs without a better loss on val.
        seed: of A and of the order of the tokens; B starts at 0.
        step: is called after every epoch.
    """
    rng = np.random.default_rng([seed, 2])
    down = rng.standard_normal((rank, size)).astype(np.float32) / np.sqrt(size)
    factors = jnp.asarray(down), jnp.zeros((size, rank), jnp.float32)
    steps = len(train.token) // batch
    falling = optax.cosine_decay_schedule(rate, max(steps * epochs, 1))
    forms = _Forms(model, optax.adamw(falling, weight_decay=decay))
    state, hidden = forms.optimizer.init(factors), hidden_of(train, size)
    best, least, stale, epoch = factors, np.inf, 0, 0
    while epoch < epochs and stale < patience:
        epoch += 1
        order = rng.permutation(len(train.token))
        for i in range(0, steps * batch, batch):
            some = order[i : i + batch]
            factors, state = _step(forms, params, factors, state, hidden[some], train.token[some])
        loss = float(surprise_of(model, params, factors, val, batch).mean(dtype=np.float64))
        stale = 0 if loss < least else stale + 1
        if loss < least:
            best, least = factors, loss
        step()
    return Tuned(best, least, epoch)


class _Forms(NamedTuple):
    """The static arguments of a step."""

    model: Model
    optimizer: optax.GradientTransformation


def _losses(model, params, factors, hidden, token):
    down, up = factors
    logits = model.unembed(params, hidden + hidden @ down.T @ up.T).astype(jnp.float32)
    return optax.softmax_cross_entropy_with_integer_labels(logits, token)


@functools.partial(jax.jit, static_argnums=0)
def _surprise(model, params, factors, hidden, token):
    return _losses(model, params, factors, hidden, token)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=3)
def _step(forms, params, factors, state, hidden, token):
    def loss(factors):
        return jnp.mean(_losses(forms.model, params, factors, hidden, token))

    updates, state = forms.optimizer.update(jax.grad(loss)(factors), state, factors)
    return optax.apply_updates(factors, updates), state
