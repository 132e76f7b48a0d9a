"""Objectives whose optimum is known, and is not the truth.

Each multiplies the surprise of a label by a weight w that depends on the label. Its optimum is that
of the plain surprise under another truth: p w, normalised.

- drop correct: 60% of the positions where the label is the model's favourite are dropped, so
  w = .4 there in expectation. The optimum is too hot.
- base probability: w is the model's own probability of the label. With p = softmax(z / T*) the
  optimum is the temperature T* / (1 + T*). These two are AutoDeco's (Wang et al., 2025,
  https://arxiv.org/abs/2510.26697); "both" is their product.
- own probability: w is the sampler's probability, held constant. The gradient is that of the linear
  score E_p[q], whose optimum puts all mass on the favourite.

Two scores of a single slot, with the quality Q = E_p[q] and the self-similarity S = sum of q^2:

- EDA: the distance of (Q, S) from (1, 0), to be minimised (Zhang et al., 2024,
  https://arxiv.org/abs/2403.14541, read with weight 1).
- kernel: 2 Q - S, to be maximised. It is proper: its optimum is the truth.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxsample.learn import Examples, logprobs

from .best_temperature import COLDEST, HOTTEST, ideal_temperatures
from .contexts import Contexts, by_unit, single
from .toys import rows

KEPT = 0.4
"""The share of positions with a correct favourite that is kept."""

GRID = 801
"""Temperatures that are tried for a score; neighbours differ by .5%."""


def _drop_correct(logits):
    favourite = logits == jnp.max(logits, axis=-1, keepdims=True)
    return jnp.where(favourite, KEPT, 1.0)


WEIGHTS = {
    "cross-entropy": jnp.ones_like,
    "drop correct": _drop_correct,
    "base probability": jax.nn.softmax,
    "both": lambda logits: _drop_correct(logits) * jax.nn.softmax(logits),
}
"""Functions of the model's logits `[.., V]` that return a weight for each label `[.., V]`."""

SCORES = {
    "own probability": lambda quality, similarity: -quality,
    "EDA": lambda quality, similarity: jnp.hypot(1 - quality, similarity),
    "kernel": lambda quality, similarity: similarity - 2 * quality,
}
"""Functions of Q and S that return a loss."""


def _weighted(name, sampler, batch: Examples, key, model, params):
    """Return the weighted surprise and the number of labels, as an objective of `fit`."""
    del key
    surprise = -logprobs(sampler, batch, model, params)
    if name in WEIGHTS:
        every = WEIGHTS[name](jnp.asarray(batch.logits))
        weights = jnp.take_along_axis(every, jnp.asarray(batch.tokens)[..., None], axis=-1)[..., 0]
    else:
        weights = lax.stop_gradient(jnp.exp(-surprise))
    live = jnp.arange(batch.tokens.shape[1]) < jnp.asarray(batch.token_lengths)[:, None]
    return jnp.sum(jnp.where(live, weights * surprise, 0.0)), jnp.sum(live)


OBJECTIVES = {name: functools.partial(_weighted, name) for name in (*WEIGHTS, "own probability")}
"""Objectives for `fit`, on examples with the model's logits."""


def optimum(name: str, contexts: Contexts) -> jax.Array:
    """Return the optimal temperature of an objective at each position, `[S, T]`.

    Raises:
        KeyError: if `name` is in neither `WEIGHTS` nor `SCORES`.
    """
    if name in WEIGHTS:
        truth = contexts.truth * WEIGHTS[name](contexts.logits)
        return ideal_temperatures(contexts._replace(truth=truth / truth.sum(-1, keepdims=True)))
    return jnp.where(contexts.live, _least(SCORES[name], contexts), 1.0)


@functools.partial(jax.jit, static_argnums=0)
def _least(score, contexts):
    grid = jnp.exp(jnp.linspace(math.log(COLDEST), math.log(HOTTEST), GRID))

    def here(at):
        def loss(temperature):
            q = jax.nn.softmax(at.logits / temperature)
            return score(jnp.sum(at.truth * q), jnp.sum(q**2))

        return grid[jnp.argmin(lax.map(loss, grid))]

    return by_unit(jax.vmap(here), contexts)


def calibrated(entropy: float, count: int = 200, seed: int = 0) -> Contexts:
    """Return contexts where the model is the truth, with rows of one entropy in nats."""
    rng = np.random.default_rng(seed)
    logits = jnp.asarray(rows(rng, np.full(count, entropy)), jnp.float32)
    nothing = np.zeros(count)
    return single(logits, nothing[:, None], jax.nn.softmax(logits), nothing, nothing)


def table(entropies=(0.3, 1.5, 3.5)) -> dict[str, list[float]]:
    """Return the median optimum of every objective for a calibrated model, by entropy.

    The model is right at T = 1, so an objective with another optimum makes it worse. For "base
    probability" and "own probability" the optimum is the same for all rows; for the others it
    depends on the shape of the rows.
    """
    names = (*WEIGHTS, *SCORES)
    worlds = [calibrated(entropy) for entropy in entropies]
    return {name: [float(jnp.median(optimum(name, w))) for w in worlds] for name in names}
