"""Arithmetic sampling: evenly spread prefixes, the exact law of each text, and long texts."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import MinP, Temperature, chain, sample_evenly

from ..statistics import FALSE_ALARM, p_value
from .trees import MODEL, PARAMS, V

PROMPT, G, ROWS, LONG = (2, 1), 20, 500, 24


@functools.cache
def drawn(scale):
    """Draw long texts from the model with its parameters times `scale`; 0 is uniform."""
    prompts, sampler = np.tile(PROMPT, (ROWS, 1)), chain(Temperature(0.9), MinP(0.05))
    return sample_evenly(
        jax.random.key(2), MODEL, PARAMS * np.float32(scale), prompts, sampler,
        samples=G, max_new_tokens=LONG,
    )  # fmt: skip


def probability(prefix):
    written, p = list(PROMPT), 1.0
    for token in prefix:
        row = (PARAMS[written[-1]].astype(np.float64) + PARAMS.T[written[-2]]) / np.float32(0.9)
        weights = np.exp(row - row.max())
        weights[weights < np.float32(0.05)] = 0
        p *= weights[token] / weights.sum()
        written.append(token)
    return p


def test_every_prefix_is_hit_within_one_of_its_share():
    tokens = np.asarray(drawn(1.0).tokens)
    assert (tokens[:, :-1, 0] <= tokens[:, 1:, 0]).all(), "texts come in the order of their points"
    for length in (1, 2, 3):
        for prefix in itertools.product(range(V), repeat=length):
            counts = (tokens[:, :, :length] == prefix).all(axis=2).sum(axis=1)
            expected = G * probability(prefix)
            # A point lies within 2**-24 of its place; none of these is that close to an edge.
            assert (abs(counts - expected) < 1 + 1e-6).all()
            # One random shift a row: the mean is exact, the deviation that of a rounding.
            error = np.sqrt((expected % 1) * (1 - expected % 1) / ROWS)
            assert abs(counts.mean() - expected) <= 4.5 * error + 1e-6


def test_logprobs_are_those_of_the_sampler():
    out = drawn(1.0)
    for b, g in ((0, 0), (1, 7), (499, 19)):
        total = float(out.logprobs[b, g, :5].sum())
        assert abs(total - np.log(probability(out.tokens[b, g, :5].tolist()))) < 1e-5


def test_long_texts_stay_random():
    """24 tokens of five hold 56 bits; a point has 30."""
    tokens = np.asarray(drawn(0.0).tokens).reshape(-1, LONG)
    assert len(np.unique(tokens[:, 16:], axis=0)) > 0.9 * len(tokens)
    pairs = tokens[:, 1:] * V + tokens[:, :-1]
    for n in (8, 12, 14, 20, 22):
        assert p_value(pairs[:, n], np.ones(V * V)) > FALSE_ALARM
    neighbours = tokens.reshape(ROWS, G, LONG)
    for n in (16, 23):
        pairs = neighbours[:, ::2, n] * V + neighbours[:, 1::2, n]
        assert p_value(pairs.reshape(-1), np.ones(V * V)) > FALSE_ALARM
    assert jnp.isfinite(drawn(0.0).logprobs).all()
