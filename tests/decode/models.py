"""Small models of several kinds, and a slow reference loop for decoding."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from jaxsample import Model, ModelOutput, Prompt, draw

V, D = 61, 16


def _table_cache(batch, max_length):
    return jnp.zeros((batch, max_length), jnp.int32)


def _table_logits(table, tokens, positions):
    return table[tokens] + table[positions % 7] * 0.5


def _table_apply(table, tokens, positions, cache):
    rows = jnp.arange(tokens.shape[0])[:, None]
    slots = jnp.where(positions < 0, cache.shape[1], positions)
    cache = cache.at[rows, slots].set(tokens, mode="drop")
    return ModelOutput(_table_logits(table, tokens, positions), None, cache)


# This model looks its logits up, so they have the same bits for any batch shape.
TABLE = Model(_table_cache, _table_apply)
TABLE_PARAMS = 2 * jax.random.normal(jax.random.key(11), (V, V))


def _recurrent_cache(batch, max_length):
    del max_length
    return jnp.zeros((batch, D))


def _recurrent_apply(params, tokens, positions, state):
    def one(state, column):
        token, position = column
        new = jnp.tanh(state @ params["recur"] + params["embed"][token])
        state = jnp.where(position[:, None] >= 0, new, state)
        return state, state

    columns = jnp.swapaxes(tokens, 0, 1), jnp.swapaxes(positions, 0, 1)
    state, hidden = jax.lax.scan(one, state, columns)
    return ModelOutput(None, jnp.swapaxes(hidden, 0, 1), state)


def _recurrent_unembed(params, hidden):
    return 4 * hidden @ params["embed"].T


RECURRENT = Model(_recurrent_cache, _recurrent_apply, _recurrent_unembed)


@functools.cache
def recurrent_params():
    embed, recur = jax.random.split(jax.random.key(12))
    return {
        "embed": jax.random.normal(embed, (V, D)),
        "recur": jax.random.normal(recur, (D, D)) / 4,
    }


class Gru(linen.Module):
    """A linen module that maps one token to logits and a carry."""

    @linen.compact
    def __call__(self, carry, token):
        carry, hidden = linen.GRUCell(D)(carry, linen.Embed(V, D)(token))
        return carry, (linen.Dense(V)(hidden), hidden)


def _gru_apply(params, tokens, positions, carry):
    def one(carry, column):
        token, position = column
        new, out = Gru().apply(params, carry, token)
        return jnp.where(position[:, None] >= 0, new, carry), out

    columns = jnp.swapaxes(tokens, 0, 1), jnp.swapaxes(positions, 0, 1)
    carry, out = jax.lax.scan(one, carry, columns)
    logits, hidden = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), out)
    return ModelOutput(logits, hidden, carry)


LINEN = Model(_recurrent_cache, _gru_apply)


@functools.cache
def linen_params():
    return Gru().init(jax.random.key(13), jnp.zeros((1, D)), jnp.zeros(1, jnp.int32))


def slow(
    key, table, prompt, sampler, *, count, max_length, budget=None, eos=(), stop=(), logits=None
):
    """Decode one row of the TABLE model in a Python loop; return tokens, logprobs and kept counts.

    Token n is drawn with fold_in(fold_in(key, 0), n) from the sampler's logits. A row ends after
    an eos or a stop sequence, after `budget` tokens, or with an invalid draw (-1). The model is
    `logits(table, last token, its position)`, TABLE by default.
    """
    prompt = np.asarray(prompt)
    room = max_length - len(prompt)
    budget = room if budget is None else min(budget, room)
    padded = np.zeros(max_length, np.int32)
    padded[: len(prompt)] = prompt
    facts = Prompt(jnp.asarray(padded), jnp.int32(len(prompt)), jnp.int32(budget), V)
    state = sampler.init(jax.random.fold_in(key, 1), facts)
    tokens, logprobs, kept = [], [], []
    last, position = int(prompt[-1]), len(prompt) - 1
    while len(tokens) < min(count, budget):
        n = jnp.int32(len(tokens))
        given = key, n, table, last, position, sampler, state
        token, logprob, size, state = _one(logits or _table_logits, *given)
        tokens.append(int(token))
        if token < 0:
            break
        logprobs.append(float(logprob))
        kept.append(int(size))
        last, position = int(token), position + 1
        if token in eos or any(tokens[-len(s) :] == list(s) for s in stop):
            break
    return tokens, logprobs, kept


@functools.partial(jax.jit, static_argnums=0)
def _one(model, key, n, table, last, position, sampler, state):
    logits = model(table, last, position)
    shaped = sampler(logits, state)
    token = draw(jax.random.fold_in(jax.random.fold_in(key, 0), n), shaped)
    state = sampler.update(state, logits, token)
    return token, jax.nn.log_softmax(shaped)[token], jnp.sum(shaped > -jnp.inf), state
