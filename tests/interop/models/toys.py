"""A small attention model, right and with one mistake for each rule of the contract."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxsample import Model, ModelOutput
from jaxsample.interop import one_row, one_token

V, D, PLACES = 23, 8, 64


def _weights():
    keys = iter(jax.random.split(jax.random.key(5), 6))
    shapes = dict(tokens=(V, D), places=(PLACES, D), q=(D, D), k=(D, D), v=(D, D), up=(D, D))
    drawn = {name: jax.random.normal(next(keys), shape) for name, shape in shapes.items()}
    # Small queries, so that a row attends to all it sees and shows every mistake.
    return {name: np.asarray(x / 8 if name == "q" else x) for name, x in drawn.items()}


PARAMS = _weights()


def embed(params, tokens, positions):
    return params["tokens"][tokens] + params["places"][jnp.clip(positions, 0, PLACES - 1)]


def attend(params, x, seen, mask):
    """Attend from `x` `[B, T, D]` to `seen` `[B, S, D]` where the mask `[B, T, S]` says so."""
    scores = jnp.einsum("btd,bsd->bts", x @ params["q"], seen @ params["k"]) / D**0.5
    weights = jax.nn.softmax(jnp.where(mask, scores, -1e9), axis=-1)
    x = x + weights @ (seen @ params["v"])
    return x + jnp.tanh(x @ params["up"])


def unembed(params, hidden):
    return hidden @ params["tokens"].T


def write(cache, x, positions):
    at = jnp.where(positions < 0, cache.shape[1], positions)
    return cache.at[jnp.arange(len(x))[:, None], at].set(x, mode="drop")


def init_cache(batch, max_length):
    return jnp.zeros((batch, max_length, D))


def hidden(params, tokens, positions, cache, visible=jnp.less_equal, embed=embed):
    x = embed(params, tokens, positions)
    cache = write(cache, x, positions)
    mask = visible(jnp.arange(cache.shape[1]), positions[..., None])
    return attend(params, x, cache, mask), cache


def apply(params, tokens, positions, cache):
    x, cache = hidden(params, tokens, positions, cache)
    return ModelOutput(unembed(params, x), x, cache)


MODEL = Model(init_cache, apply, rewinds=True)


# A library with one write index for the batch.


def shared_cache(batch, max_length):
    return {"seen": init_cache(batch, max_length), "index": jnp.zeros(batch, jnp.int32)}


def shared_step(params, tokens, positions, cache):
    start = cache["index"][0]
    x = embed(params, tokens, positions)
    seen = lax.dynamic_update_slice(cache["seen"], x, (0, start, 0))
    mask = jnp.arange(seen.shape[1]) <= (start + jnp.arange(tokens.shape[1]))[:, None]
    logits = unembed(params, attend(params, x, seen, mask[None]))
    return logits, {"seen": seen, "index": cache["index"] + tokens.shape[1]}


def shared_rewind(cache, length):
    return cache | {"index": jnp.full_like(cache["index"], length)}


def _shared(params, tokens, positions, cache):
    logits, cache = shared_step(params, tokens, positions, cache)
    return ModelOutput(logits, None, cache)


SHARED = Model(shared_cache, _shared)


# A recurrent state that padding enters.


def recurrent_step(params, token, position, state):
    state = jnp.tanh(state @ params["q"] / 2 + params["tokens"][token])
    return unembed(params, state), state


def recurrent_cache(batch, max_length):
    return jnp.zeros((batch, D))


def _recurrent(params, tokens, positions, state):
    def one(state, token):
        logits, state = recurrent_step(params, token, None, state)
        return state, logits

    state, logits = lax.scan(one, state, tokens.T)
    return ModelOutput(jnp.swapaxes(logits, 0, 1), None, state)


RECURRENT = Model(recurrent_cache, _recurrent)


# Other mistakes.


def _stacked_cache(batch, max_length):
    return {"layers": jnp.zeros((2, batch, max_length, D))}


def _stacked(params, tokens, positions, cache):
    output = apply(params, tokens, positions, cache["layers"][0])
    return output._replace(cache={"layers": cache["layers"].at[0].set(output.cache)})


def _narrow(params, tokens, positions, cache):
    output = apply(params, tokens, positions, cache)
    return output._replace(cache=output.cache.astype(jnp.float16))


def _forgetful(params, tokens, positions, cache):
    return apply(params, tokens, positions, jnp.zeros_like(cache))


def _batch_mean(params, tokens, positions, cache):
    output = apply(params, tokens, positions, cache)
    return output._replace(logits=output.logits - output.logits.mean(0))


def _sees_all(params, tokens, positions, cache):
    def written(slots, positions):
        return slots <= jnp.max(positions, axis=1, keepdims=True)

    x, cache = hidden(params, tokens, positions, cache, written)
    return ModelOutput(unembed(params, x), None, cache)


def _without_places(params, tokens, positions, cache):
    def embed(params, tokens, positions):
        return params["tokens"][tokens]

    x, cache = hidden(params, tokens, positions, cache, embed=embed)
    return ModelOutput(unembed(params, x), None, cache)


# Mistakes in calls of several tokens, which are right in the first call or without padding.


def _sliced(params, tokens, positions, cache):
    """Write all columns by a slice for each row, which moves left at the end of the cache."""
    x = embed(params, tokens, positions)
    start = jnp.max(positions, axis=1) + 1 - jnp.sum(positions >= 0, axis=1)
    sliced = jax.vmap(lax.dynamic_update_slice, (0, 0, 0))(
        cache, x, jnp.stack([start, jnp.zeros_like(start)], axis=1)
    )
    cache = jnp.where(jnp.any(positions >= 0, axis=1)[:, None, None], sliced, cache)
    mask = jnp.arange(cache.shape[1]) <= positions[..., None]
    return ModelOutput(unembed(params, attend(params, x, cache, mask)), None, cache)


def _prefill_alone(params, tokens, positions, cache):
    """Attend to the tokens of the call alone if there are several."""
    if tokens.shape[1] == 1:
        return apply(params, tokens, positions, cache)
    x = embed(params, tokens, positions)
    mask = (positions[:, None] <= positions[..., None]) & (positions >= 0)[:, None]
    logits = unembed(params, attend(params, x, x, mask))
    return ModelOutput(logits, None, write(cache, x, positions))


def _one_start(params, tokens, positions, cache):
    """Begin all rows where the first one begins if there are several tokens."""
    if tokens.shape[1] > 1:
        at = positions[0, 0] + jnp.arange(tokens.shape[1])
        positions = jnp.where(positions < 0, -1, at)
    return apply(params, tokens, positions, cache)


WINDOW = 8


def _ring_cache(max_length):
    return {"seen": init_cache(1, WINDOW), "index": jnp.int32(0)}


def _ring_step(params, tokens, positions, cache):
    def one(cache, column):
        x = embed(params, *column)[None, None]
        seen = cache["seen"].at[0, cache["index"] % WINDOW].set(x[0, 0])
        mask = (jnp.arange(WINDOW) <= cache["index"])[None, None]
        logits = unembed(params, attend(params, x, seen, mask))[0, 0]
        return {"seen": seen, "index": cache["index"] + 1}, logits

    cache, logits = lax.scan(one, cache, (tokens[0], positions[0]))
    return logits[None], cache


def _ring_rewind(cache, length):
    return cache | {"index": length}


def _halved(params, hidden):
    return unembed(params, hidden) / 2


BROKEN = {
    "the batch is the first axis of the cache": Model(_stacked_cache, _stacked),
    "the cache keeps its structure, shapes and dtypes": Model(init_cache, _narrow),
    "a ragged row equals the row alone": SHARED,
    "one call equals chunks": Model(init_cache, _forgetful),
    "padding leaves the cache of its row": RECURRENT,
    "padding may end behind the cache": Model(init_cache, _sliced),
    "tokens can be taken back": one_token(recurrent_cache, recurrent_step)._replace(rewinds=True),
    "rows do not see each other": Model(init_cache, _batch_mean),
    "a token sees nothing later": Model(init_cache, _sees_all),
    "positions matter": Model(init_cache, _without_places),
    "unembed agrees with the logits": Model(init_cache, apply, _halved),
}

# More mistakes, each with the rule that it breaks.
ALSO_BROKEN = {
    "a call of several tokens sees itself alone": (
        "one call equals chunks",
        Model(init_cache, _prefill_alone),
    ),
    "all rows start where the first one does": (
        "a ragged row equals the row alone",
        Model(init_cache, _one_start),
    ),
    "padding wraps over a ring": (
        "a ragged row equals the row alone",
        one_row(_ring_cache, _ring_step, _ring_rewind),
    ),
}
