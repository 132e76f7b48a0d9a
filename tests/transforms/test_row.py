"""The values that a row's methods return, before and after a filter."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import Temperature, TopK, chain
from tests import toys
from tests.rows import V

ROW = np.float32(np.random.default_rng(4).permutation(V) / 8)  # distinct and exact in float32


def probe(*before, token):
    sampler = chain(*before, toys.Probe())
    return jax.jit(sampler.update)(sampler.init(None, None), ROW, jnp.int32(token))[-1]


def check(said, kept, token, row=ROW):
    values = np.sort(row[kept].astype(np.float64))[::-1]
    below = values - values[0]
    assert said["max"] == values[0] and said["third"] == values[2]
    assert said["count"] == len(values) and said["size"] == V
    assert said["token"] == row[token]
    np.testing.assert_array_equal(said["largest"], values[:2])
    # A tree sum of at most 131 float32 terms has 8 roundings.
    np.testing.assert_allclose(said["mass"], np.exp(below).sum(), rtol=1e-6)
    np.testing.assert_allclose(said["moment"], (below * np.exp(below)).sum(), rtol=1e-6)


def test_answers_about_the_whole_row():
    check(probe(token=5), np.full(V, True), 5)


def test_answers_are_about_the_tokens_still_kept():
    kept = ROW >= np.sort(ROW)[-10]
    check(probe(TopK(10), token=np.argmax(ROW)), kept, np.argmax(ROW))


def test_answers_after_a_division_are_about_the_divided_row():
    row = (ROW - ROW.max()) / np.float32(0.5)
    check(probe(Temperature(0.5), token=5), np.full(V, True), 5, row)


def test_a_stateful_transform_moves_on_with_each_token():
    sampler = toys.Nucleus(p=0.85, decay=0.5)
    row = jnp.log(jnp.array([0.4, 0.3, 0.2, 0.1]))
    state = sampler.init(None, None)
    kept = []
    for _ in range(3):
        kept.append(int(np.isfinite(sampler(row, state)).sum()))
        state = sampler.update(state, row, jnp.int32(0))
    # The masses above the four tokens are 0, .4, .7 and .9, so .85 keeps 3, .425 2 and .2125 1.
    assert kept == [3, 2, 1]
