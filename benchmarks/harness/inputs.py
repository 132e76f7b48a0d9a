"""Rows of logits: peaked, flat, and from a real model."""

from __future__ import annotations

import numpy as np

INPUTS = ("peaked", "flat", "real")


def logits(name: str, batch: int, vocabulary: int, seed: int = 0) -> np.ndarray:
    """Return float32 logits `[B, V]`.

    peaked: -1.5 log(rank) + 0.3 N(0, 1), with another order of the tokens in each row; flat:
    N(0, 1); real: see `real`.
    """
    rng = np.random.default_rng([seed, batch, vocabulary])
    if name == "peaked":
        rank = np.stack([rng.permutation(vocabulary) + 1 for _ in range(batch)])
        rows = -1.5 * np.log(rank) + 0.3 * rng.standard_normal((batch, vocabulary))
    elif name == "flat":
        rows = rng.standard_normal((batch, vocabulary))
    elif name == "real":
        rows = real(batch, vocabulary, rng)
    else:
        raise ValueError(f"unknown input {name!r}, not one of {', '.join(INPUTS)}")
    return rows.astype(np.float32)


def real(batch, vocabulary, rng, length=64):
    """Return logits of the embedded story model along its stories, tiled up to `vocabulary`.

    The vocabulary of the model is small, so its logits are repeated, with noise 0.1 N(0, 1) that
    keeps the copies from being equal. The shape is that of a model, and the nucleus is as many
    times larger as there are tiles.
    """
    import jax
    import jax.numpy as jnp

    import jaxsample_models
    from jaxsample import chain, generate

    model, params, _, _, extra, *_ = jaxsample_models.embedded()
    prompts = jnp.full((batch, 1), extra["bos_token_id"])
    told = generate(jax.random.key(0), model, params, prompts, chain(), max_new_tokens=length)
    tokens = jnp.concatenate([prompts, told.tokens], axis=1)
    positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
    cache = model.init_cache(batch, tokens.shape[1])
    hidden = model.apply(params, tokens, positions, cache).hidden
    at = rng.integers(8, length, size=batch)
    rows = np.asarray(model.unembed(params, hidden[np.arange(batch), at]))
    tiles = -(-vocabulary // rows.shape[1])
    tiled = np.tile(rows, (1, tiles))[:, :vocabulary]
    return tiled + 0.1 * rng.standard_normal((batch, vocabulary))
