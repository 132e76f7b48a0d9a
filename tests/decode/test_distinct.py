"""Sampling without replacement against the exact law of all texts."""

import functools
import itertools

import jax
import numpy as np

from jaxsample import NoRepeatNgram, Temperature, TopK, chain, sample_without_replacement, stack

from ..statistics import FALSE_ALARM, p_value
from .trees import EOS, MODEL, PARAMS, N, texts

SAMPLER, PROMPT, G, ROWS = chain(Temperature(0.9), TopK(4)), (2, 1), 3, 10_000


def top4(row, written):
    del written
    return np.where(row >= np.sort(row)[-4], row / np.float32(0.9), -np.inf)


@functools.cache
def drawn(seed=0):
    prompts = np.tile(PROMPT, (ROWS, 1))
    return sample_without_replacement(
        jax.random.key(seed), MODEL, PARAMS, prompts, SAMPLER,
        samples=G, max_new_tokens=N, eos=EOS, record=("logprobs",),
    )  # fmt: skip


@functools.cache
def law():
    """Return the number of each text, and all probabilities."""
    with np.errstate(divide="ignore"):
        found, logs = texts(PROMPT, top4)
    return {text: i for i, text in enumerate(found)}, np.exp(logs)


def numbers(out):
    """Return which text each row `[B, G]` drew."""
    code = law()[0]
    rows = zip(out.tokens.reshape(-1, N).tolist(), out.lengths.reshape(-1).tolist(), strict=True)
    return np.array([code[tuple(row[:n])] for row, n in rows]).reshape(-1, G)


def test_texts_never_repeat_and_follow_the_exact_law():
    """Pairs against p(i) p(j) / (1 - p(i)), and how often a text is among the three of a row."""
    which, p = numbers(drawn()), law()[1]
    assert (np.diff(np.sort(which, axis=1), axis=1) > 0).all()
    pairs = p[:, None] * p[None, :] / (1 - p[:, None])
    np.fill_diagonal(pairs, 0)
    assert p_value(which[:, 0] * len(p) + which[:, 1], pairs.reshape(-1)) > FALSE_ALARM

    third = pairs[:, :, None] * p / (1 - p[:, None] - p)[:, :, None]
    i = np.arange(len(p))
    third[i, :, i] = third[:, i, i] = 0
    among = p + pairs.sum(axis=0) + third.sum(axis=(0, 1))
    assert abs(among.sum() - G) < 1e-9
    count = np.bincount(which.reshape(-1), minlength=len(p))
    common = ROWS * among > 20
    mean, z = ROWS * among[common], count[common]
    z = (z - mean) / np.sqrt(mean * (1 - among[common]))
    assert abs(z).max() < 4.5 and (z**2).mean() < 1.5


def test_likelihoods_and_weights():
    out, (code, p) = drawn(), law()
    which = numbers(out)
    np.testing.assert_allclose(out.likelihoods, np.log(p[which]), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(out.logprobs.sum(axis=2), out.likelihoods, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(out.weights * out.inclusion, p[which], rtol=1e-5)
    sizes = np.array([len(text) for text in code])
    for f in (np.ones(len(p)), sizes, np.eye(len(p))[np.argmax(p)]):
        estimates = np.sum(np.asarray(out.weights, np.float64) * f[which], axis=1)
        error = estimates.std() / np.sqrt(ROWS)
        assert abs(estimates.mean() - p @ f) <= 4 * error + 1e-6  # float32


def test_all_texts_of_a_sampler_that_runs_out_of_tokens():
    """Without repeats three tokens are left, in six orders; then the row is invalid."""
    prompts = np.array([PROMPT, (3, 0)])
    out = sample_without_replacement(
        jax.random.key(1), MODEL, PARAMS, prompts, NoRepeatNgram(1),
        samples=7, max_new_tokens=N, pad=2, record=("kept",),
    )  # fmt: skip
    for b, left in enumerate([(0, 3, 4), (1, 2, 4)]):
        orders = [[*order, -1] for order in itertools.permutations(left)]
        assert sorted(out.tokens[b, :6].tolist()) == orders
        assert out.tokens[b, 6].tolist() == [2] * N
    assert out.lengths.tolist() == [[3] * 6 + [0]] * 2
    assert out.invalid.tolist() == [[True] * 6 + [False]] * 2
    assert out.kept.tolist() == [[[3, 2, 1, 0]] * 6 + [[0] * N]] * 2
    np.testing.assert_array_equal(out.inclusion, [[1] * 6 + [0]] * 2)
    np.testing.assert_allclose(out.weights.sum(axis=1), 1, rtol=1e-5)


def test_a_sampler_for_each_prompt_and_sequences_that_end_a_text():
    """The first rows have the draws of `drawn`, whose texts end with an eos."""
    samplers = stack([SAMPLER] * 4 + [chain(Temperature(0.9), TopK(2))] * 4)
    out = sample_without_replacement(
        jax.random.key(0), MODEL, PARAMS, np.tile(PROMPT, (8, 1)), samplers,
        samples=G, max_new_tokens=N, stop=[[EOS], [0, EOS]], sampler_axes=0, record=("kept",),
    )  # fmt: skip
    for name in ("tokens", "lengths", "likelihoods", "weights"):
        np.testing.assert_array_equal(getattr(out, name)[:4], getattr(drawn(), name)[:4])
    assert out.kept[:4].max() == 4 and out.kept[4:].max() == 2
