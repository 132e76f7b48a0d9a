"""A model whose rows are drafted in five ways at once, so that a chain compiles once for all."""

import jax
import jax.numpy as jnp

from jaxsample import Draft, Model, ModelOutput, by_model, lookup
from tests.rows import D, V

KINDS = "perfect", "good", "bad", "random", "lookup"
LIKELY = 12  # tokens that have most of the mass, so that texts repeat and meet their ends


def _weights(seed):
    table = 1.5 * jax.random.normal(jax.random.key(seed), (V, V))
    return table + jnp.where(jnp.arange(V) < LIKELY, 4.0, 0.0)


TABLE = _weights(11)
HIDDEN = jax.random.normal(jax.random.key(12), (V, D))
_NOISE = jax.random.normal(jax.random.key(13), (V, V))
# One table for each kind; a row that copies its text has one that it does not use.
DRAFT_TABLES = jnp.stack(
    [TABLE, TABLE + 0.3 * _NOISE, TABLE + 4 * _NOISE, _weights(14), jnp.zeros((V, V))]
)


def _cache(batch, max_length):
    return jnp.zeros((batch, max_length), jnp.int32)


def _read(logits, tokens, positions, cache):
    """Look up what follows the last two tokens, the earlier of which is read from the cache."""
    rows = jnp.arange(tokens.shape[0])[:, None]
    slots = jnp.where(positions < 0, cache.shape[1], positions)
    cache = cache.at[rows, slots].set(tokens, mode="drop")
    before = cache[rows, jnp.maximum(positions - 1, 0)]
    return ModelOutput(logits(rows, tokens, before), HIDDEN[tokens], cache)


def _apply(table, tokens, positions, cache):
    return _read(lambda rows, now, before: table[now] + table.T[before], tokens, positions, cache)


def _apply_by_kind(params, tokens, positions, cache):
    tables, kinds = params

    def logits(rows, now, before):
        return tables[kinds[rows], now] + tables[kinds[rows], :, before]

    return _read(logits, tokens, positions, cache)


# Sums of two numbers of a table have the same bits for any number of columns.
MODEL = Model(_cache, _apply, rewinds=True)
_DRAWN, _COPIED = by_model(Model(_cache, _apply_by_kind, rewinds=True)), lookup()
ROUNDS: list[jax.Array] = []  # positions `[B, 1 + ahead]` of what each round kept, -1 elsewhere


def _init(params, prompts, lengths, max_length):
    return tuple(draft.init(params, prompts, lengths, max_length) for draft in (_DRAWN, _COPIED))


def _propose(params, state, ahead, next):
    drawn, cache = _DRAWN.propose(params, state[0], ahead, next)
    copied, text = _COPIED.propose(params, state[1], ahead, next)
    copies = params[1] == KINDS.index("lookup")
    return jnp.where(copies[:, None], copied, drawn), (cache, text)


def _keep(params, state, tokens, positions):
    jax.debug.callback(lambda kept: ROUNDS.append(kept), positions, ordered=True)
    pairs = zip((_DRAWN, _COPIED), state, strict=True)
    return tuple(draft.keep(params, of, tokens, positions) for draft, of in pairs)


DRAFT = Draft(_init, _propose, _keep)
