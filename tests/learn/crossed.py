"""A small world whose best temperature is known; the hidden state tells which of two it is."""

import functools

import jax
import jax.numpy as jnp

from jaxsample import Model, ModelOutput
from jaxsample.learn import Examples

S, V, D = 64, 32, 4
COLD, HOT = 0.5, 1.4


@jax.jit
def _world():
    noise, kinds, hidden, axis = jax.random.split(jax.random.key(0), 4)
    logits = 2 * jax.random.normal(noise, (S, V))
    hot = jax.random.bernoulli(kinds, 0.5, (S,))
    ideal = jnp.where(hot, HOT, COLD)
    side = jnp.where(hot, 1.0, -1.0)[:, None] * jax.random.normal(axis, (D,))
    return logits, side + 0.2 * jax.random.normal(hidden, (S, D)), ideal


LOGITS, HIDDEN, IDEAL = _world()
TRUTH = jax.nn.softmax(LOGITS / IDEAL[:, None])


def _apply(params, tokens, positions, cache):
    del positions
    return ModelOutput(params[0][tokens], params[1][tokens], cache)


def _cache(batch, max_length):
    del max_length
    return jnp.zeros((batch, 1))


# A prompt is one token, the context; only the next token matters.
MODEL, PARAMS = Model(_cache, _apply), (LOGITS, HIDDEN)


@functools.partial(jax.jit, static_argnums=1)
def draw(key, count=64):
    """Return contexts, each with a token drawn from the truth and the model's outputs."""
    which, what = jax.random.split(key)
    context = jax.random.randint(which, (count,), 0, S)
    tokens = jax.random.categorical(what, jnp.log(TRUTH[context]))
    return Examples(
        tokens[:, None],
        prompts=context[:, None],
        logits=LOGITS[context][:, None],
        hidden=HIDDEN[context][:, None],
    )


@jax.jit
def divergence(sampler):
    """Return the exact KL(truth || sampler), nats per token."""
    out = jax.vmap(lambda row, hidden: sampler(row, None, hidden))(LOGITS, HIDDEN)
    difference = jnp.log(TRUTH) - jax.nn.log_softmax(out)
    return jnp.mean(jnp.sum(TRUTH * difference, axis=-1))
