"""Penalties and constraints, compared with the logits processors of transformers.

If both drop all tokens, transformers returns a row of -inf, whose softmax is NaN. Here such a row
is invalid and NaN itself.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    BadWords,
    ExponentialLengthDecay,
    ForceTokens,
    MinNewTokens,
    NoRepeatNgram,
    Prompt,
    RepetitionPenalty,
    SequenceBias,
    Suppress,
)

torch = pytest.importorskip("torch")
process = pytest.importorskip("transformers.generation.logits_process")
pytestmark = pytest.mark.peers

V, R, P, N = 40, 1000, 6, 9  # tokens, rows, prompt, output
RNG = np.random.default_rng(17)
HISTORIES = RNG.integers(0, 12, (R, P + N))
ROWS = np.round(3 * RNG.standard_normal((R, V)), 1).astype(np.float32)  # ties
ROWS[::3] = np.where(RNG.random((R, V)) < 0.5, -np.inf, ROWS)[::3]
ROWS[:, 39] = 0.5  # every row has a token


@jax.jit
def _ours(sampler, tokens, rows):
    """Return the rows after a prompt and the tokens drawn after it."""

    def one(tokens, row):
        drawn = tokens[P:]
        prompt = Prompt(jnp.pad(tokens[:P], (0, drawn.shape[0])), jnp.int32(P), jnp.int32(N), V)
        state = sampler.init(None, prompt)
        state = jax.lax.scan(lambda s, t: (sampler.update(s, row, t), ()), state, drawn)[0]
        return sampler(row, state)

    return jax.vmap(one)(tokens, rows)


def agree(sampler, processor, length=P + N, rows=ROWS, shifted=False):
    """Compare kept sets, and values up to 1e-5 (after a shift of the row if `shifted`)."""
    tokens = HISTORIES[:, :length]
    theirs = processor(torch.tensor(tokens), torch.tensor(rows)).numpy()
    ours = np.asarray(_ours(sampler, tokens.astype(np.int32), rows))
    empty = np.all(theirs == -np.inf, axis=1)
    assert np.isnan(ours[empty]).all()
    ours, theirs = ours[~empty], theirs[~empty]
    assert len(ours) > R // 2 or length < P
    np.testing.assert_array_equal(ours > -np.inf, theirs > -np.inf)
    if shifted:
        ours, theirs = (x - x.max(axis=1, keepdims=True) for x in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    mine, other = (np.exp(x - x.max(axis=1, keepdims=True)) for x in (ours, theirs))
    np.testing.assert_allclose(
        mine / mine.sum(1, keepdims=True), other / other.sum(1, keepdims=True), atol=1e-5
    )


@pytest.mark.parametrize("penalty", [1.0, 1.3, 0.7])
def test_repetition_penalty(penalty):
    agree(RepetitionPenalty(penalty), process.RepetitionPenaltyLogitsProcessor(penalty))


def test_repetition_penalty_of_the_output():
    agree(
        RepetitionPenalty(1.3, "output"),
        process.RepetitionPenaltyLogitsProcessor(1.3, prompt_ignore_length=P),
    )


def test_d12_penalties_of_other_scopes_differ_in_the_prompt_alone():
    """D12: transformers counts prompt and output, other systems count the output."""
    theirs = process.RepetitionPenaltyLogitsProcessor(1.3)(
        torch.tensor(HISTORIES), torch.tensor(ROWS)
    ).numpy()
    ours = np.asarray(_ours(RepetitionPenalty(1.3, "output"), np.int32(HISTORIES), ROWS))
    apart = ~np.isclose(ours, theirs, rtol=1e-5)
    for differs, row, history in zip(apart, ROWS, HISTORIES, strict=True):
        only = set(history[:P]) - set(history[P:])
        expected = [i for i in sorted(only) if np.isfinite(row[i]) and row[i] != 0]
        assert np.flatnonzero(differs).tolist() == expected


@pytest.mark.parametrize("penalty", [1.5, 0.8])
def test_encoder_repetition_penalty_is_its_inverse_on_the_prompt(penalty):
    theirs = process.EncoderRepetitionPenaltyLogitsProcessor(
        penalty, torch.tensor(HISTORIES[:, :P])
    )
    agree(RepetitionPenalty(1 / penalty, "prompt"), theirs)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_repeat_ngram(n):
    agree(NoRepeatNgram(n), process.NoRepeatNGramLogitsProcessor(n))


SEQUENCES = [[1], [5], [2, 3], [4, 4], [7, 1, 39], [0, 2, 1], [11, 3, 3, 3]]
SEQUENCES += [[a, b] for a in range(12) for b in (6, 20)]
BIASES = [float(b) for b in np.round(RNG.standard_normal(len(SEQUENCES)), 2)]


@pytest.mark.parametrize("length", [P, P + N])
def test_bad_words(length):
    agree(BadWords(SEQUENCES), process.NoBadWordsLogitsProcessor(SEQUENCES), length)


@pytest.mark.parametrize("length", [P, P + N])
def test_sequence_bias(length):
    biases = {tuple(s): b for s, b in zip(SEQUENCES, BIASES, strict=True)}
    agree(SequenceBias(SEQUENCES, BIASES), process.SequenceBiasLogitsProcessor(biases), length)


@pytest.mark.parametrize("n", [0, N, N + 1])
def test_min_new_tokens(n):
    theirs = process.MinNewTokensLengthLogitsProcessor(P, n, [3, 8])
    agree(MinNewTokens(n, [3, 8]), theirs)


@pytest.mark.parametrize("factor", [1.01, 1.4, 0.9])
@pytest.mark.parametrize("start", [3, N])
def test_exponential_decay_length_penalty(start, factor):
    theirs = process.ExponentialDecayLengthPenalty((start, factor), [3, 39], P)
    agree(ExponentialLengthDecay(start, factor, [3, 39]), theirs)


def test_suppress_tokens():
    ids = [0, 3, 8, 38]
    agree(Suppress(ids), process.SuppressTokensLogitsProcessor(ids))


@pytest.mark.parametrize("length", [P, P + 1])
def test_suppress_tokens_at_begin_is_a_minimum_of_one_token(length):
    ids = [0, 3, 8, 38]
    theirs = process.SuppressTokensAtBeginLogitsProcessor(ids, begin_index=P)
    agree(MinNewTokens(1, ids), theirs, length)


def test_forced_eos_is_forced_after_free_places():
    """They set its logit to 0, which shifts a row of one token."""
    theirs = process.ForcedEOSTokenLogitsProcessor(P + N + 1, 39)
    agree(ForceTokens([-1] * N + [39]), theirs, shifted=True)
    agree(ForceTokens([-1] * N + [39]), theirs, length=P + N - 1)


def test_forced_bos_is_forced_first():
    """Theirs needs a history of one token, the decoder's start, and revives dropped tokens."""
    theirs = process.ForcedBOSTokenLogitsProcessor(3)
    logits = theirs(torch.tensor(HISTORIES[:, :1]), torch.tensor(ROWS)).numpy()
    ours = np.asarray(jax.jit(jax.vmap(ForceTokens(3)))(ROWS))
    dropped = ROWS[:, 3] == -np.inf
    assert dropped.any() and np.isnan(ours[dropped]).all()
    assert ((logits > -np.inf) == (np.arange(V) == 3)).all()
    np.testing.assert_array_equal(ours[~dropped] > -np.inf, logits[~dropped] > -np.inf)
    np.testing.assert_array_equal(ours[~dropped, 3], ROWS[~dropped, 3])
