"""Story worlds: the embedded model, frozen, against stories in its own or another style.

In style s the truth at open slots is the model's own truth tempered by 1 / s, and elsewhere it is
the same. So the ideal temperature is 1 / s at open slots and 1 at the others, up to the model's own
errors. One temperature for all comes close, because it changes nothing at slots where one token is
certain or all are equally likely. It loses only at the remaining slots.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

import jaxsample_models
from jaxsample_models.stories import BOS, KINDS, Corpus, Grammar, lengths

from .contexts import Contexts, World, said

STYLES = {"story": 1.0, "shift_0.4": 0.4, "shift_0.6": 0.6, "shift_1.6": 1.6, "shift_2.5": 2.5}
"""The style of each world's stories; 1, the model's own, is the control."""


class Sizes(NamedTuple):
    """How many stories each part of a world has."""

    train: int
    val: int
    test: int


FULL, QUICK = Sizes(384, 96, 160), Sizes(96, 32, 48)


def story(name: str, sizes: Sizes = FULL, seed: int = 0) -> World:
    """Build a story world. A story is in one of its parts only.

    Raises:
        KeyError: if no story world has this name.
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
    """Draw stories, with the truth and the embedded model's logits at each position."""
    stories = corpus.draw(rng, count)
    logits, hidden = said(jaxsample_models.embedded(), stories.tokens[:, 1:], BOS)
    return Contexts(
        logits,
        hidden,
        jnp.asarray(corpus.truth)[stories.rows],
        jnp.asarray(stories.tokens[:, 1:]),
        jnp.asarray(stories.kinds >= 0),
        jnp.asarray(stories.kinds),
    )
