"""Objectives whose optimum is known not to be the truth: what they are, and where they lead.

Each weighs the surprise of a label by something that depends on the label, which is the surprise
under another truth. With weights w the optimum is that of the truth p w, normalised:

- drop correct: 60% of the positions where the label is the model's favourite are dropped, w = .4
  there, in expectation. Too hot.
- base probability: w is the model's own probability of the label. With p = softmax(z / T*) the
  optimum is the temperature T* / (1 + T*). Both of these are AutoDeco's (Wang et al., 2025,
  https://arxiv.org/abs/2510.26697); "both" is their product.
- own probability: w is the sampler's probability, held constant. Its gradient is that of E_p[q], a
  linear score: all mass on the favourite.

And two scores of one slot, Q = E_p[q] its quality and S = sum of q^2 its similarity to itself:

- EDA: the distance of (Q, S) from (1, 0), to be small (Zhang et al., 2024,
  https://arxiv.org/abs/2403.14541, with weight 1, which is our reading).
- kernel: 2 Q - S, to be large; proper, the one here that leads to the truth.
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
from .contexts import Contexts, by_unit
from .toys import rows

KEPT = 0.4
"""The share of positions with a correct favourite that is not dropped."""

GRID = 801
"""Temperatures tried where no equation gives the optimum; neighbours differ by .5%."""


def _drop_correct(logits):
    favourite = logits == jnp.max(logits, axis=-1, keepdims=True)
    return jnp.where(favourite, KEPT, 1.0)


WEIGHTS = {
    "cross-entropy": jnp.ones_like,
    "drop correct": _drop_correct,
    "base probability": jax.nn.softmax,
    "both": lambda logits: _drop_correct(logits) * jax.nn.softmax(logits),
}
"""From the model's logits `[.., V]` to a weight for each label `[.., V]`."""

SCORES = {
    "own probability": lambda quality, similarity: -quality,
    "EDA": lambda quality, similarity: jnp.hypot(1 - quality, similarity),
    "kernel": lambda quality, similarity: similarity - 2 * quality,
}
"""From Q and S to a loss."""


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
"""For `fit`, on examples that carry the model's logits."""


def optimum(name: str, contexts: Contexts) -> jax.Array:
    """Return the temperature at each position to which an objective leads, `[S, T]`.

    Raises:
        KeyError: `name` is neither one of `WEIGHTS` nor of `SCORES`.
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
    """Return contexts where the model is the truth, all rows of one entropy in nats."""
    rng = np.random.default_rng(seed)
    logits = jnp.asarray(rows(rng, np.full(count, entropy)), jnp.float32)[:, None]
    nothing = jnp.zeros((count, 1), jnp.int32)
    return Contexts(
        logits,
        jnp.zeros((count, 1, 1)),
        jax.nn.softmax(logits),
        nothing,
        jnp.ones((count, 1), bool),
        nothing.astype(jnp.int8),
    )


def table(entropies=(0.3, 1.5, 3.5)) -> dict[str, list[float]]:
    """Return the median optimum of every objective for a calibrated model, by entropy.

    Where it is not 1 the objective moves a model off the truth it already tells. How far depends on
    the shape of the rows too, but for "base probability" and "own probability".
    """
    names = (*WEIGHTS, *SCORES)
    worlds = [calibrated(entropy) for entropy in entropies]
    return {name: [float(jnp.median(optimum(name, w))) for w in worlds] for name in names}
