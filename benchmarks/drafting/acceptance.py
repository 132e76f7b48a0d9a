"""How often a draft that sees the last tokens is right, at the places of texts of the model."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import draw, generate

KEYS = 64  # draws at each place
NAMES = ("optimal", "ours", "greedy draft", "independent")


def acceptance(key, model, params, prompts, sampler, steps: int, count: int) -> dict:
    """Return the mean acceptance of each way to couple the model and its draft.

    The places are those of the tokens that the model draws after the prompts `[B, P]`. There p is
    the law of the sampler on the model's logits, and q that on the draft's, which has seen `count`
    tokens. The optimal acceptance is 1 - TV, the sum of min(p, q). Ours is the share of keys with
    which both draw the same token. A greedy draft is right with probability p(argmax q), and one
    with noise of its own with the sum of p q.
    """
    made = generate(key, model, params, prompts, sampler, max_new_tokens=steps, record=())
    texts = np.concatenate([prompts, np.asarray(made.tokens)], axis=1)
    first = prompts.shape[1] - 1  # the place before the first token
    ends = np.arange(first, first + steps)
    windows = np.stack([texts[:, end - count + 1 : end + 1] for end in ends], axis=1)
    found = [
        _places(model, params, sampler, jax.random.fold_in(key, i), text, seen, first)
        for i, (text, seen) in enumerate(zip(texts, windows, strict=True))
    ]
    every = np.concatenate([np.stack(row, axis=1) for row in found])
    error = every.std(axis=0) / np.sqrt(len(every))
    return {
        "places": len(every),
        "mean": dict(zip(NAMES, every.mean(axis=0).tolist(), strict=True)),
        "error": dict(zip(NAMES, error.tolist(), strict=True)),
    }


@functools.partial(jax.jit, static_argnums=(0, 6))
def _places(model, params, sampler, key, text, windows, first):
    """Return each acceptance `[N]` at the places of one text, whose windows are `[N, count]`."""
    whole = _hidden(model, params, text[None, :-1])[0, first:]
    part = _hidden(model, params, windows)[:, -1]

    def place(given):
        hidden, key = given
        rows = [sampler(model.unembed(params, h)) for h in hidden]
        p, q = map(jax.nn.softmax, rows)
        keys = jax.random.split(key, KEYS)
        tokens = [jax.vmap(draw, (0, None))(keys, row) for row in rows]
        same = jnp.mean(tokens[0] == tokens[1])
        return jnp.minimum(p, q).sum(), same, p[jnp.argmax(q)], (p * q).sum()

    keys = jax.random.split(key, len(windows))
    return jax.lax.map(place, ((whole, part), keys))


def _hidden(model, params, tokens):
    batch, length = tokens.shape
    places = jnp.broadcast_to(jnp.arange(length, dtype=jnp.int32), tokens.shape)
    return model.apply(params, tokens, places, model.init_cache(batch, length)).hidden
