"""Draws from long flat rows, where each token is rare: every place is as likely as it should be.

A row of 50,257 tokens is no multiple of any block size. Tokens are counted in runs of consecutive
tokens and by their place in blocks of every power of two, which a wrong mass of a block or a wrong
draw inside of one would show.
"""

import jax
import numpy as np
import pytest

from jaxsample import MinP, Temperature, TopK, TopP, chain, draw, sample
from tests.oracles.common import probabilities
from tests.statistics import FALSE_ALARM, p_value

SIZE, RUN, COUNT = 50_257, 257, 40_000
ROW = np.float32(0.3 * np.random.default_rng(6).standard_normal(SIZE))
SAMPLERS = {
    "draw": None,
    "temperature": Temperature(2.0),
    "top-p": TopP(0.9),
    "top-k": TopK(20_000),
    "chain": chain(Temperature(0.5), TopK(30_000), TopP(0.95), MinP(0.05)),
}


@jax.jit
def _drawn(keys, row, sampler):
    if sampler is None:
        return jax.vmap(draw, in_axes=(0, None))(keys, row), row
    return jax.vmap(sample, in_axes=(0, None, None))(keys, row, sampler), sampler(row)


@pytest.mark.full
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_part_of_a_long_flat_row_is_drawn_as_often_as_it_weighs(name):
    keys = jax.random.split(jax.random.key(8), COUNT)
    parts = [_drawn(some, ROW, SAMPLERS[name]) for some in keys.reshape(-1, 4000)]
    tokens = np.concatenate([np.asarray(tokens) for tokens, _ in parts])
    probs = probabilities(parts[0][1])
    assert tokens.min() >= 0 and (probs[tokens] > 0).all()
    at = np.arange(SIZE)
    groups = {"run": at // RUN, **{f"place in {n}": at % n for n in (8, 64, 128, 256, 1024)}}
    chances = {
        what: p_value(place[tokens], np.bincount(place, probs)) for what, place in groups.items()
    }
    assert min(chances.values()) > FALSE_ALARM, chances


def test_blocks_of_a_long_flat_row_and_places_in_them_are_independent():
    """Halves of the row, and halves of every 64, 128 and 256 tokens, make four equal quarters."""
    keys = jax.random.split(jax.random.key(9), COUNT).reshape(-1, 4000)
    flat = np.zeros(2**15, np.float32)
    tokens = np.concatenate([np.asarray(_drawn(some, flat, None)[0]) for some in keys])
    for size in (64, 128, 256):
        quarter = 2 * (tokens // 2**14) + tokens % size // (size // 2)
        assert p_value(quarter, np.full(4, 0.25)) > FALSE_ALARM, size
