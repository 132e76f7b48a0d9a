"""The cost of each token: KL divergence from the model, minus an entropy bonus."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.decode._model import Model
from jaxsample.learn._examples import Examples
from jaxsample.learn._likelihood import logprobs_of, over_examples, token_logprob
from jaxsample.transforms.contract._transform import Transform


class Weighed(NamedTuple):
    """Records of every token, 0 past the end of a text.

    Attributes:
        logprobs: `[B, M]` nats, under the sampler.
        costs: `[B, M]` nats, kl KL(q || p) - entropy H(q) for the distribution q that the sampler
            gives the token and the model's distribution p; None if both factors are 0.
    """

    logprobs: jax.Array
    costs: Any


def weigh(
    sampler: Transform, texts: Examples, model: Model, params: Any, kl: float, entropy: float
) -> Weighed:
    """Return the log-probability and the cost of each token; differentiable.

    Args:
        sampler, texts, model, params: see `logprobs`.
        kl, entropy: the factors of the cost; static.
    """
    if not (kl or entropy):
        return Weighed(logprobs_of(sampler, texts, model, params), None)

    def observe(raw, final, token):
        cost = _cost(kl, entropy, raw.values, final.values)
        return Weighed(token_logprob(final, token), jnp.where(final.valid, cost, jnp.nan))

    return over_examples(observe, sampler, texts, model, params)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _cost(kl, entropy, raw, values):
    """Return the cost of a row `[V]`; its derivative is in `values` alone, and is one sum."""
    return _cost_and_parts(kl, entropy, raw, values)[0]


@_cost.defjvp
def _(kl, entropy, primals, tangents):
    cost, q, worth = _cost_and_parts(kl, entropy, *primals)
    # The derivative of `worth` contributes 0, because probabilities sum to 1.
    return cost, jnp.sum(q * (worth - cost) * tangents[1])


def _cost_and_parts(kl, entropy, raw, values):
    log_q = jax.nn.log_softmax(values)
    q = jnp.exp(log_q)
    kept = q > 0
    worth = (kl + entropy) * jnp.where(kept, log_q, 0.0)
    if kl:
        worth -= kl * jnp.where(kept, jax.nn.log_softmax(raw), 0.0)
    return jnp.sum(q * worth), q, worth
