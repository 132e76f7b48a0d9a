"""A draft that is the model itself, which sees only the last tokens."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxsample import Draft, Model, by_model, lookup


@functools.cache
def recent(model: Model, count: int) -> Draft:
    """Return a draft that reads the last `count` tokens in every round, then draws its proposals.

    It stands for a model that is worse than the target, not for one that is cheaper.
    """
    drawn, text = by_model(model), lookup()

    def propose(params, state, ahead, next):
        tokens, _ = text.keep(None, state, next.token[:, None], next.position[:, None])
        first = jnp.maximum(next.position - count + 1, 0)
        seen = jax.vmap(lambda row, i: jax.lax.dynamic_slice(row, (i,), (count,)))
        window = seen(jnp.pad(tokens, ((0, 0), (0, count))), first)
        before = jnp.maximum(next.position - first, 0)
        cache = drawn.init(params, window[:, : count - 1], before, count + ahead)
        place = jnp.where(next.position < 0, -1, before)
        return drawn.propose(params, cache, ahead, next._replace(position=place))[0], state

    return Draft(text.init, propose, text.keep)
