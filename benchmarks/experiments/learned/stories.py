"""Story worlds: the embedded model, frozen, against stories in its own or another style.

In style s the truth at open slots is the truth the model knows, tempered by 1 / s, and the same
elsewhere; so the ideal temperature is 1 / s at open slots and 1 at the others, up to what the model
itself gets wrong. A constant comes close: at most other slots one token is sure or all are as
likely, which no temperature changes. What it pays for is the mass it leaks or steals at the rest.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxsample_models
from jaxsample_models.stories import KINDS, Corpus, Grammar, lengths

from .contexts import Contexts, World

STYLES = {"story": 1.0, "shift_0.4": 0.4, "shift_0.6": 0.6, "shift_1.6": 1.6, "shift_2.5": 2.5}
"""The style of each world's stories; 1 is the control, the model's own."""

BATCH = 32


class Sizes(NamedTuple):
    """How many stories each part of a world has."""

    train: int
    val: int
    test: int


FULL, QUICK = Sizes(384, 96, 160), Sizes(96, 32, 48)


def story(name: str, sizes: Sizes = FULL, seed: int = 0) -> World:
    """Build a story world; parts are drawn apart, so a story is in one of them only.

    Raises:
        KeyError: no story world is called `name`.
    """
    style = STYLES[name]
    corpus = Corpus(Grammar(style), lengths(Grammar())[1] - 1)
    streams = np.random.SeedSequence(seed).spawn(len(sizes))
    parts = {
        part: seen(corpus, np.random.default_rng(stream), count)
        for (part, count), stream in zip(sizes._asdict().items(), streams, strict=True)
    }
    ideal = {
        part: jnp.where(contexts.kinds == KINDS.index("open"), 1 / style, 1.0)
        for part, contexts in parts.items()
    }
    return World(name, KINDS, **parts, ideal=ideal)


def seen(corpus: Corpus, rng: np.random.Generator, count: int) -> Contexts:
    """Draw stories, and put what the embedded model says of each position beside the truth."""
    stories = corpus.draw(rng, count)
    padded = np.pad(stories.tokens[:, :-1], ((0, -count % BATCH), (0, 0)))
    parts = [_read()(some) for some in padded.reshape(-1, BATCH, corpus.length)]
    hidden, logits = (jnp.concatenate(part)[:count] for part in zip(*parts, strict=True))
    return Contexts(
        logits,
        hidden,
        jnp.asarray(corpus.truth)[stories.rows],
        jnp.asarray(stories.tokens[:, 1:]),
        jnp.asarray(stories.kinds >= 0),
        jnp.asarray(stories.kinds),
    )


@cache
def _read():
    checkpoint = jaxsample_models.embedded()

    @jax.jit
    def read(tokens):
        model = jaxsample_models.bind(checkpoint.config, checkpoint.params)
        hidden, _ = model(tokens)
        return hidden.astype(jnp.float32), model.unembed(hidden).astype(jnp.float32)

    return read
