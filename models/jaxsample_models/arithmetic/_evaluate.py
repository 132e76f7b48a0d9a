"""Measures of a model of sums: exact divergences."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from .._checkpoints import Checkpoint
from .._transformer import bind
from ._corpus import Corpus, Worked
from ._slips import KINDS
from ._sums import PROMPT

HELD_OUT = 2**32 - 1
"""A seed that training never uses."""


class Score(NamedTuple):
    """Exact scores of a kind of token, over held-out sums.

    Attributes:
        share: the share of all tokens of solutions.
        kl: mean KL(truth || model), nats per token.
        error: standard error of `kl`, with sums as independent samples.
        entropy: mean entropy of the truth, nats per token.
        stray: mean probability that the model gives to tokens of true probability 0.
    """

    share: float
    kl: float
    error: float
    entropy: float
    stray: float


def score(checkpoint: Checkpoint, count: int, seed: int = HELD_OUT) -> dict[str, Score]:
    """Score the model on `count` held-out sums: "all", then each of `KINDS`.

    The divergence at each position is exact; only the sums and the prefixes are sampled.
    """
    corpus = Corpus()
    worked = corpus.draw(np.random.default_rng(seed), count, held_out=True)
    kl, stray = _compare(checkpoint, corpus, worked)
    entropy = corpus.entropy[worked.rows]

    def over(mask: np.ndarray) -> Score:
        average = float(np.mean(kl[mask]))
        spread = np.sum(np.where(mask, kl - average, 0.0), axis=1)
        error = float(np.std(spread) * np.sqrt(count) / np.sum(mask))
        means = (float(np.mean(x[mask])) for x in (entropy, stray))
        return Score(float(np.mean(mask)), average, error, *means)

    by_kind = {kind: over(worked.kinds == i) for i, kind in enumerate(KINDS)}
    return {"all": over(worked.kinds >= 0)} | by_kind


def _compare(checkpoint: Checkpoint, corpus: Corpus, worked: Worked):
    @jax.jit
    def read(params, texts):
        model = bind(checkpoint.config, params)
        return jax.nn.log_softmax(model.unembed(model(texts)[0][:, PROMPT - 1 :]))

    texts = np.concatenate([worked.prompts, worked.tokens[:, :-1]], axis=1)
    logprobs = np.asarray(read(checkpoint.params, texts), np.float64)
    truth = corpus.truth[worked.rows].astype(np.float64)
    logs = np.log(np.where(truth > 0, truth, 1.0))
    kl = np.sum(truth * (logs - logprobs), axis=-1)
    return kl, np.sum(np.where(truth > 0, 0.0, np.exp(logprobs)), axis=-1)
