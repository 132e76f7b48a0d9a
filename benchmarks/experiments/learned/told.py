"""Stories a model tells through a sampler: what can not be summed is sampled, with its error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxsample
from jaxsample_models import Checkpoint
from jaxsample_models.stories import BOS, EOS, PAD, Grammar, lengths

BATCH = 128
ROOM = 8
"""Tokens past the longest story before one that does not end is cut."""


class Estimate(NamedTuple):
    """A mean over stories, and its standard error."""

    mean: float
    error: float


class Told(NamedTuple):
    """What `Totals` has exactly for laws, sampled: a story ends where it leaves the grammar.

    Attributes:
        grammatical: share of the stories the grammar accepts; one more success and one more failure
            assumed in the error, so that it is not 0 where all were accepted.
        facts: of the facts told, the share that is right; likewise.
        entropy: of the sampler's sequences, nats: the mean of -log Q.
        stories: token ids, from `<s>` to where each ended, `</s>` included.
    """

    grammatical: Estimate
    facts: Estimate
    entropy: Estimate
    stories: list[list[int]]


def tell(checkpoint: Checkpoint, sampler: jaxsample.Transform, key: jax.Array, count: int) -> Told:
    """Sample `count` stories. With one key, story i of two samplers shares its random numbers."""
    limit = lengths(Grammar())[1] + ROOM
    stories, nats = [], []
    for i in range(-(-count // BATCH)):
        out = jaxsample.generate(
            jax.random.fold_in(key, i),
            checkpoint.model,
            checkpoint.params,
            jnp.full((BATCH, 1), BOS),
            sampler,
            max_new_tokens=limit,
            eos=EOS,
            pad=PAD,
        )
        assert out.logprobs is not None
        for tokens, length, logs in zip(*map(np.asarray, out[:3]), strict=True):
            stories.append([BOS, *tokens[:length].tolist()])
            nats.append(-logs[:length])
    return judge(stories[:count], nats[:count])


def judge(stories: Sequence[list[int]], nats: Sequence[np.ndarray]) -> Told:
    """Read stories against the grammar, given -log Q of each token after `<s>`."""
    grammar = Grammar()
    accepted, facts, right, totals = [], [], [], []
    for story, surprise in zip(stories, nats, strict=True):
        verdict = grammar.parse(story)
        inside = len(story) if verdict.accepted else verdict.position
        states = grammar.walk(story[:inside])
        told = [grammar.kind(state) == "fact" for state in states if not grammar.is_end(state)]
        told = told[: len(story) - 1]
        wrong = not verdict.accepted and inside < len(story) and told[-1]
        accepted.append(verdict.accepted)
        facts.append(sum(told))
        right.append(sum(told) - wrong)
        totals.append(surprise[:inside].sum())
    return Told(_share(accepted), _ratio(right, facts), _mean(totals), list(stories))


def _share(yes: list[bool]) -> Estimate:
    guess = (sum(yes) + 1) / (len(yes) + 2)
    return Estimate(sum(yes) / len(yes), float(np.sqrt(guess * (1 - guess) / len(yes))))


def _ratio(right: list[int], facts: list[int]) -> Estimate:
    share = sum(right) / sum(facts)
    guess = (sum(right) + 1) / (sum(facts) + 2)
    spread = (
        np.std(np.subtract(right, np.multiply(share, facts))) * np.sqrt(len(facts)) / sum(facts)
    )
    floor = np.sqrt(guess * (1 - guess) / sum(facts))
    return Estimate(share, float(max(spread, floor)))


def _mean(values: list[float]) -> Estimate:
    return Estimate(float(np.mean(values)), float(np.std(values) / np.sqrt(len(values))))
