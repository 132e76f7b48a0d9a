"""Measures of a story model: exact divergences from the grammar, and the share of valid stories."""

from __future__ import annotations

from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._checkpoints import Checkpoint
from .._transformer import bind
from ._compiler import BOS, EOS
from ._corpus import Corpus, Stories
from ._grammar import Grammar
from ._states import KINDS
from ._totals import lengths

BATCH = 64
HELD_OUT = 2**32 - 1
"""A seed that training never uses."""


class Score(NamedTuple):
    """Exact scores of a kind of slot, over held-out stories.

    Attributes:
        share: the share of all tokens.
        kl: mean KL(truth || model), nats per token.
        error: standard error of `kl`, with stories as independent samples.
        accuracy: how often the model's likeliest token is among the likeliest of the truth.
        entropy: mean entropy of the truth, nats per token.
        stray: mean probability that the model gives to tokens of true probability 0.
    """

    share: float
    kl: float
    error: float
    accuracy: float
    entropy: float
    stray: float


class Told(NamedTuple):
    """How many of a model's own stories the grammar accepts.

    Attributes:
        share: the share of accepted stories.
        error: standard error of `share`. It counts one more success and one more failure, so that
            it is not 0 if all stories are accepted.
        count: the number of stories.
        failures: for each kind of slot, the number of stories that first fail there.
    """

    share: float
    error: float
    count: int
    failures: dict[str, int]


def score(checkpoint: Checkpoint, count: int, seed: int = HELD_OUT) -> dict[str, Score]:
    """Score the model on `count` new stories: "all", then each of `KINDS`.

    The divergence at each position is exact; only the prefixes are sampled.
    """
    grammar = Grammar()
    corpus = Corpus(grammar, lengths(grammar)[1] - 1)
    stories = corpus.draw(np.random.default_rng(seed), count)
    kl, right, stray = _compare(checkpoint, corpus, stories)
    entropy = corpus.entropy[stories.rows]
    total = np.sum(stories.kinds >= 0)

    def over(mask: np.ndarray) -> Score:
        mean = partial(np.mean, dtype=float)
        average = mean(kl[mask])
        spread = np.sum(np.where(mask, kl - average, 0.0), axis=1)
        error = np.std(spread) * np.sqrt(count) / np.sum(mask)
        parts = (right[mask], entropy[mask], stray[mask])
        return Score(np.sum(mask) / total, average, error, *(mean(x) for x in parts))

    by_kind = {kind: over(stories.kinds == i) for i, kind in enumerate(KINDS)}
    return {"all": over(stories.kinds >= 0)} | by_kind


def _compare(checkpoint: Checkpoint, corpus: Corpus, stories: Stories):
    table = jnp.asarray(corpus.truth)

    @jax.jit
    def compare(params, tokens, rows):
        model = bind(checkpoint.config, params)
        hidden, _ = model(tokens[:, :-1])
        logprobs = jax.nn.log_softmax(model.unembed(hidden))
        truth = table[rows]
        kl = jnp.sum(jax.scipy.special.xlogy(truth, truth) - truth * logprobs, axis=-1)
        likeliest = jnp.argmax(logprobs, axis=-1, keepdims=True)
        right = jnp.take_along_axis(truth, likeliest, axis=-1)[..., 0] == jnp.max(truth, axis=-1)
        stray = jnp.sum(jnp.where(truth > 0, 0.0, jnp.exp(logprobs)), axis=-1)
        return kl, right, stray

    count = len(stories.tokens)
    index = np.arange(-(-count // BATCH) * BATCH) % count
    parts = [
        compare(checkpoint.params, stories.tokens[some], stories.rows[some])
        for some in index.reshape(-1, BATCH)
    ]
    return [np.concatenate(part)[:count] for part in zip(*parts, strict=True)]


def tell(checkpoint: Checkpoint, key: jax.Array, count: int, temperature: float) -> list[list[int]]:
    """Sample `count` stories from the model at a temperature: token ids from `<s>` to `</s>`."""
    limit = lengths(Grammar())[1] + 8
    tell_batch = _teller(checkpoint.model, limit)
    batches = [
        np.asarray(tell_batch(checkpoint.params, jax.random.fold_in(key, i), temperature))
        for i in range(-(-count // BATCH))
    ]
    return [[BOS, *_until_end(row)] for row in np.concatenate(batches)[:count].tolist()]


def _until_end(row: list[int]) -> list[int]:
    return row[: row.index(EOS) + 1] if EOS in row else row


@cache
def _teller(model: Any, limit: int):
    @jax.jit
    def tell_batch(params, key, temperature):
        def step(carry, at):
            tokens, cache = carry
            positions = jnp.full((BATCH, 1), at)
            out = model.apply(params, tokens[:, None], positions, cache)
            logits = model.unembed(params, out.hidden[:, 0]) / temperature
            tokens = jax.random.categorical(jax.random.fold_in(key, at), logits)
            return (tokens, out.cache), tokens

        first = (jnp.full(BATCH, BOS), model.init_cache(BATCH, limit))
        return jax.lax.scan(step, first, jnp.arange(limit))[1].T

    return tell_batch


def judge(stories: list[list[int]]) -> Told:
    """Parse stories and count the kinds of slot where they first fail."""
    grammar = Grammar()
    failures: dict[str, int] = dict.fromkeys(KINDS, 0)
    for story in stories:
        verdict = grammar.parse(story)
        if not verdict.accepted:
            *_, state = grammar.walk(story[: verdict.position])
            failures["template" if grammar.is_end(state) else grammar.kind(state)] += 1
    count = len(stories)
    share = 1 - sum(failures.values()) / count
    guess = (share * count + 1) / (count + 2)
    return Told(share, float(np.sqrt(guess * (1 - guess) / count)), count, failures)
