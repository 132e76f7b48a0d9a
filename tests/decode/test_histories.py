"""Decoding with penalties and constraints against a slow loop."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    DRY,
    BadWords,
    ExponentialLengthDecay,
    ForceTokens,
    FrequencyPenalty,
    MinNewTokens,
    NoRepeatNgram,
    PresencePenalty,
    RepetitionPenalty,
    SequenceBias,
    Temperature,
    chain,
    generate,
    resume,
    score,
    stack,
)
from tests.decode.models import TABLE, TABLE_PARAMS, slow
from tests.table import swept

KEY = jax.random.key(9)
PROMPTS = np.array([[3, 1, 4, 1, 3, 1], [5, 9, 0, 0, 0, 0], [2, 6, 5, 2, 0, 0], [8, 0, 0, 0, 0, 0]])
LENGTHS = np.array([6, 2, 4, 1], np.int32)
B, N, ROOM, EOS, PAD = 4, 20, 26, (7, 16, 25, 30, 44, 50), 59
# Each token has three likely successors, so that histories repeat.
TABLE_FEW = jnp.where(TABLE_PARAMS >= jnp.sort(TABLE_PARAMS, axis=1)[:, -3:-2], 2.0, -1.0)


def counts(r, f, p):
    return chain(
        RepetitionPenalty(r),
        FrequencyPenalty(f, "output"),
        PresencePenalty(p, window=5),
        NoRepeatNgram(3),
        Temperature(0.7),
    )


def words(multiplier, biases, bad, minimum):
    return chain(
        DRY(multiplier, 1.5, 1, [[3], [1, 4]]),
        SequenceBias([[1, 4], [6], [5, 2, 6]], biases),
        BadWords(np.array(bad)),
        ForceTokens([-1, 6]),
        MinNewTokens(minimum, EOS),
        ExponentialLengthDecay(6, 1.4, EOS),
    )


NO_WORD, A_WORD = [[-1, -1], [-1, -1]], [[6, 2], [8, -1]]
SETTINGS = {
    "counts": [counts(1.3, 0.4, 0.3), counts(1.0, 0.0, 0.0), counts(0.8, -0.3, 1.0),
               counts(1.1, 2.0, -0.5)],
    "words": [words(1.5, [2.0, 1.0, -1.0], A_WORD, 3), words(0.0, [0.0] * 3, NO_WORD, 0),
              words(5.0, [0.0, -jnp.inf, 3.0], NO_WORD, 9), words(0.5, [1.0] * 3, A_WORD, 20)],
}  # fmt: skip
OPTIONS = dict(lengths=LENGTHS, max_length=ROOM)
HALF = N // 2


@functools.cache
def halves(name):
    """Return what `generate` and then `resume` write with one setting per row."""
    per_row = stack(SETTINGS[name])
    options = dict(max_new_tokens=HALF, eos=EOS, pad=PAD, sampler_axes=0)
    first = generate(KEY, TABLE, TABLE_FEW, PROMPTS, per_row, **OPTIONS, **options)
    return first, resume(TABLE, TABLE_FEW, first.decoding, per_row, **options)


@pytest.mark.parametrize("name", swept(SETTINGS, ["words"]))
def test_a_slow_loop_draws_the_same_tokens(name):
    """Each row has its own setting, some of them neutral, and some rows end early.

    The third row both forbids and forces token 6, so it loses every token and ends.
    """
    first, rest = halves(name)
    tokens, logprobs = (np.concatenate([getattr(x, field) for x in (first, rest)], axis=1)
                        for field in ("tokens", "logprobs"))  # fmt: skip
    for b, sampler in enumerate(SETTINGS[name]):
        key, prompt = jax.random.fold_in(KEY, b), PROMPTS[b, : LENGTHS[b]]
        expected, logp, _ = slow(key, TABLE_FEW, prompt, sampler, count=N, max_length=ROOM, eos=EOS)
        n = sum(token >= 0 for token in expected)
        assert first.lengths[b] + rest.lengths[b] == n
        np.testing.assert_array_equal(tokens[b], expected + [PAD] * (N - len(expected)))
        # The two programs sum 61 exponentials in float32 in different orders.
        np.testing.assert_allclose(logprobs[b, :n], logp, atol=1e-5)


@pytest.mark.parametrize("name", swept(SETTINGS, ["words"]))
def test_the_state_of_a_done_row_stands_still(name):
    first, rest = halves(name)
    done = np.asarray(first.decoding.done)
    assert done.any() and not done.all(), "rows must end apart"

    def moved(old, new):
        return np.any(np.asarray(old != new).reshape(B, -1), axis=1)

    changes = jax.tree.map(moved, first.decoding.state, rest.decoding.state)
    assert not any(change[done].any() for change in jax.tree.leaves(changes))
    assert any(change[~done].all() for change in jax.tree.leaves(changes))


@pytest.mark.full
@pytest.mark.parametrize("name", SETTINGS)
def test_score_equals_what_generate_recorded(name):
    got = halves(name)[0]
    again = score(
        TABLE,
        TABLE_FEW,
        PROMPTS,
        got.tokens,
        stack(SETTINGS[name]),
        token_lengths=got.lengths,
        sampler_axes=0,
        record=("logprobs",),
        **OPTIONS,
    )
    recorded = np.where(np.asarray(got.tokens) >= 0, got.logprobs, 0.0)
    np.testing.assert_allclose(again.logprobs, recorded, atol=1e-5)
