"""Stateful transforms after a history, which is part prompt and part output."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import Prompt

V = 32
ROOM = 24
ROW = np.float32(np.random.default_rng(1).standard_normal(V))


@jax.jit
def driven_traced(sampler, tokens, start, length, logits):
    # The padding holds the tokens of the output, which the transform must not read.
    prompt = Prompt(tokens, start, jnp.int32(ROOM) - start, V)

    def body(state, at):
        i, token = at
        moved = sampler.update(state, logits, token)
        live = (i >= start) & (i < length)
        return jax.tree.map(functools.partial(jnp.where, live), moved, state), ()

    state = sampler.init(jax.random.key(0), prompt)
    state = jax.lax.scan(body, state, (jnp.arange(ROOM, dtype=jnp.int32), tokens))[0]
    return sampler(logits, state)


def driven(sampler, tokens, start=None, logits=ROW):
    """The row after `tokens`, of which the first `start` are the prompt."""
    start = len(tokens) if start is None else start
    padded = np.zeros(ROOM, np.int32)
    padded[: len(tokens)] = tokens
    args = padded, np.int32(start), np.int32(len(tokens)), np.float32(logits)
    return np.asarray(driven_traced(sampler, *args))
