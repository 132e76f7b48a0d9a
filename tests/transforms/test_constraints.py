"""Biases and constraints: by hand, after random histories, and edge cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxsample import (
    Allow,
    BadWords,
    ForceTokens,
    LogitBias,
    MinNewTokens,
    SequenceBias,
    Suppress,
    chain,
    draw,
)
from tests.oracles import constraints as oracles
from tests.oracles.common import probabilities
from tests.statistics import FALSE_ALARM, draws, p_value
from tests.table import swept
from tests.transforms.driven import ROOM, ROW, V, driven

INF = float("inf")


def kept(sampler, *history, logits=ROW):
    return np.flatnonzero(driven(sampler, *history, logits=logits) > -np.inf).tolist()


def test_suppress_and_allow_are_opposites():
    ids = [0, 3, 31]
    assert kept(Allow(ids), [1]) == ids
    assert kept(Suppress(ids), [1]) == sorted(set(range(V)) - set(ids))
    assert np.isnan(driven(chain(Allow(ids), Suppress(ids)), [1])).all()


def test_ids_past_the_vocabulary_are_ignored():
    """If only such an id is allowed, the row is empty: the id does not turn the constraint off."""
    everything = list(range(V))
    assert kept(Suppress([V, 500, 2**31 - 1]), [1]) == everything
    assert kept(Allow([V, 2, 500]), [1]) == [2]
    assert np.isnan(driven(Allow([V, 500, V]), [1])).all()
    assert kept(ForceTokens([V]), [1]) == everything
    assert kept(BadWords([[V], [500]]), [1]) == everything
    assert kept(BadWords([[V, 2], [1, 500]]), [1]) == everything
    np.testing.assert_array_equal(driven(SequenceBias([[V], [500]], [INF, -INF]), [1]), ROW)


def test_rows_of_a_batch_mix_lists_of_any_length():
    """Negative ids in an array are padding, and padding alone is neutral."""
    rows = np.array([[3, -1, -1], [5, 6, 7], [-1, -1, -1]])
    for make, sizes in [(Suppress, [V - 1, V - 3, V]), (Allow, [1, 3, V])]:
        got = jax.jit(jax.vmap(lambda s: s(jnp.asarray(ROW))))(make(rows))
        assert np.sum(np.asarray(got) > -np.inf, axis=1).tolist() == sizes


def test_forced_tokens_come_in_their_places():
    sampler = ForceTokens([4, -1, 6])
    assert kept(sampler, [1], 1) == [4]
    assert kept(sampler, [1, 4], 1) == list(range(V))
    assert kept(sampler, [1, 4, 9], 1) == [6]
    assert kept(sampler, [1, 4, 9, 6], 1) == list(range(V))
    assert kept(sampler, [1, 4, 9, 6]) == [4], "the prompt is not the output"
    assert driven(sampler, [1], 1)[4] == ROW[4]


def test_a_forced_token_that_was_dropped_ends_the_row():
    """A dropped token stays dropped: two contradicting constraints leave no token."""
    row = driven(chain(Suppress([4]), ForceTokens([4])), [1])
    assert np.isnan(row).all()
    assert draw(jax.random.key(0), jnp.asarray(row)) == -1


def test_the_end_may_come_after_n_tokens():
    sampler = MinNewTokens(2, [0, 5])
    rest = sorted(set(range(V)) - {0, 5})
    assert kept(sampler, [1, 2, 3]) == kept(sampler, [1, 2, 3, 9], 3) == rest
    assert kept(sampler, [1, 2, 3, 9, 9], 3) == list(range(V))
    assert kept(MinNewTokens(2, 5), [1]) == kept(MinNewTokens(2, [5]), [1])


def test_bad_words_reach_across_the_end_of_the_prompt():
    sampler = BadWords([[7], [2, 3], [1, 2, 4]])
    dropped = lambda *history: sorted(set(range(V)) - set(kept(sampler, *history)))  # noqa: E731
    assert dropped([9]) == [7]
    assert dropped([2]) == [3, 7], "a prefix of one token, all there is"
    assert dropped([1, 2]) == dropped([1, 2], 1) == dropped([0, 1, 2], 2) == [3, 4, 7]
    assert dropped([2, 9]) == [7] and dropped([1, 9, 2]) == [3, 7]


def test_biases_of_sequences_add_up():
    sampler = SequenceBias([[3], [2, 3], [3], [1, 4]], [1.0, 2.0, 0.5, 9.0])
    got = driven(sampler, [2], logits=np.zeros(V))
    assert {i: v for i, v in enumerate(got) if v} == {3: 3.5}


def test_an_infinite_bias_is_a_verdict():
    assert kept(SequenceBias([[3], [4]], [INF, 5.0]), [1]) == [3]
    assert kept(SequenceBias([[3], [4]], [-INF, 5.0]), [1]) == [i for i in range(V) if i != 3]
    bias = np.where(np.arange(V) < 2, np.inf, np.where(np.arange(V) == 5, -np.inf, 0))
    assert kept(LogitBias(bias), [1]) == [0, 1]
    masked = np.where(np.arange(V) == 0, -np.inf, ROW)
    assert kept(LogitBias(bias), [1], logits=masked) == [1], "a bias revives nothing"


def test_finite_biases_overflow_to_finite_logits():
    huge = np.where(np.arange(V) % 2 == 0, 3e38, -3e38)
    got = driven(LogitBias(huge), [1], logits=huge)
    assert np.isfinite(got).all() and (got[::2] > 3.3e38).all()


def test_biases_train_from_zero():
    """Adding a bias of 0 changes no bit, but it has a gradient."""

    def loss(sampler):
        return jax.nn.log_softmax(sampler(jnp.asarray(ROW)))[3]

    bias = jax.jit(jax.grad(loss))(LogitBias(np.zeros(V))).bias
    onehot = np.arange(V) == 3
    np.testing.assert_allclose(bias, onehot - probabilities(ROW), atol=1e-6)
    sequences = SequenceBias([[3], [5], [1, 7]], np.zeros(3))
    grads = jax.jit(jax.grad(loss, allow_int=True))(sequences).biases
    np.testing.assert_allclose(grads, [bias[3], bias[5], 0.0], atol=1e-6)


BIAS = np.round(np.random.default_rng(2).standard_normal(V), 2)
SEQUENCES = [[5], [1, 2], [1, 1, 2], [2, 1, 1, 0], [0, 3], [3, 3, 3, 3]]
BIASES = [0.5, -0.25, 2.0, 4.0, -1.0, 1.5]
FAMILY = {
    "logit_bias": (LogitBias(BIAS), lambda p, o: oracles.logit_bias(BIAS)),
    "suppress": (Suppress([2, 31]), lambda p, o: oracles.suppress([2, 31])),
    "allow": (Allow([2, 9, 31]), lambda p, o: oracles.allow([2, 9, 31])),
    "force": (ForceTokens([2, -1, 9]), lambda p, o: oracles.force([2, -1, 9], len(o))),
    "min_new_tokens": (MinNewTokens(5, [2, 9]),
                       lambda p, o: oracles.min_new_tokens(5, [2, 9], len(o))),
    "bad_words": (BadWords(SEQUENCES), lambda p, o: oracles.bad_words(SEQUENCES, p + o)),
    "sequence_bias": (SequenceBias(SEQUENCES, BIASES),
                      lambda p, o: oracles.sequence_bias(SEQUENCES, BIASES, p + o)),
}  # fmt: skip
QUICK = "suppress", "force", "sequence_bias"
HISTORIES = st.lists(st.integers(0, 3), min_size=1, max_size=ROOM)


@pytest.mark.parametrize("name", swept(FAMILY, QUICK))
@settings(max_examples=30, deadline=None)
@given(tokens=HISTORIES, share=st.floats(0, 1))
def test_any_history_drawn_or_given_means_what_the_oracle_says(name, tokens, share):
    """The split of the history into prompt and output does not matter."""
    sampler, oracle = FAMILY[name]
    start = max(1, round(share * len(tokens)))
    expected = oracle(tokens[:start], tokens[start:])(ROW)
    np.testing.assert_allclose(driven(sampler, tokens, start), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", swept(FAMILY, QUICK))
def test_draws_after_a_history_follow_the_oracle(name):
    sampler, oracle = FAMILY[name]
    prompt, output = [9, 0, 2, 1], [1]
    logits = driven(sampler, prompt + output, len(prompt))
    expected = probabilities(oracle(prompt, output)(ROW))
    assert p_value(draws(22, logits, thousands=20), expected) > FALSE_ALARM


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Suppress([3, -1]), ["tokens", "-1"]),
        (lambda: Suppress([1.5]), ["tokens", "1.5"]),
        (lambda: Suppress([True]), ["tokens", "True"]),
        (lambda: Suppress([2**31]), ["tokens", str(2**31)]),
        (lambda: Suppress("ab"), ["tokens", "ab"]),
        (lambda: Suppress(None), ["tokens", "None"]),
        (lambda: Suppress([[1, 2], [3, 4]]), ["tokens", "[1, 2]"]),
        (lambda: Suppress(np.ones(3)), ["tokens", "float"]),
        (lambda: Allow(jnp.ones(3)), ["tokens", "float"]),
        (lambda: Allow([-2]), ["tokens", "-2"]),
        (lambda: ForceTokens([1, -2]), ["tokens", "-2"]),
        (lambda: BadWords([[]]), ["sequences", "[[]]"]),
        (lambda: BadWords([3]), ["sequences", "[3]"]),
        (lambda: BadWords(3), ["sequences", "3"]),
        (lambda: BadWords(["ab"]), ["sequences", "ab"]),
        (lambda: BadWords([[1, -1]]), ["sequences", "-1"]),
        (lambda: BadWords(np.array([1, 2])), ["sequences", "[2]"]),
        (lambda: SequenceBias([[1], [2]], [1.0]), ["2", "[1]"]),
        (lambda: SequenceBias([[1], [2]], 1.0), ["2", "[]"]),
        (lambda: MinNewTokens(-1, 0), ["n", "-1"]),
        (lambda: MinNewTokens(1, -1), ["eos", "-1"]),
        (lambda: LogitBias(["a"]), ["bias", "a"]),
        (lambda: LogitBias([1.0, 2.0])(jnp.zeros(3)), ["[3]", "[2]"]),
        (lambda: LogitBias(1.0)(jnp.zeros(3)), ["[3]", "[]"]),
    ],
)
def test_nonsense_raises_value_error_naming_it(make, words):
    with pytest.raises(ValueError) as error:
        make()
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    "ids", [[3, 4], (3, 4), {3, 4}, range(3, 5), np.array([3, 4]), jnp.array([3, 4], jnp.int16)]
)
def test_ids_come_in_any_container(ids):
    leaf = jax.tree.leaves(Suppress(ids))[0]
    assert leaf.dtype == jnp.int32
    np.testing.assert_array_equal(leaf, [3, 4])


def test_sequences_come_in_any_container():
    for sequences in ([[1, 2], [3]], ((1, 2), (3,)), [np.array([1, 2]), [3]],
                      np.array([[1, 2], [3, -1]])):  # fmt: skip
        leaf = BadWords(sequences).sequences
        assert leaf.dtype == np.int32
        np.testing.assert_array_equal(leaf, [[1, 2], [3, -1]])
    assert BadWords([]).sequences.shape == (0, 1)
    np.testing.assert_array_equal(driven(BadWords([]), [1]), ROW)
    np.testing.assert_array_equal(driven(chain(Suppress([]), Allow(())), [1]), ROW)


def test_values_do_not_retrace(counted):
    run = counted(lambda s: s(jnp.zeros(8)))
    jitted = jax.jit(run)
    for ids in ([1, 2], np.array([1, 2]), jnp.array([5, -1]), (7, 2**31 - 1)):
        jitted.trace(Suppress(ids))
    assert run.traces == 1
    for sequences in ([[1, 2], [3]], np.array([[1, 2], [3, -1]]), jnp.ones((2, 2), jnp.int16)):
        jitted.trace(SequenceBias(sequences, [0.5, 1]))
    assert run.traces == 2


@pytest.mark.parametrize("name", ["sequence_bias", "force"])
def test_64_bit_types_change_no_bit(name):
    history = [9, 1, 2, 5, 1, 2, 3, 6, 1, 2]
    with jax.enable_x64(True):
        got = driven(FAMILY[name][0], history, 8)
    assert got.dtype == np.float32 and np.isfinite(got).any()
    np.testing.assert_array_equal(got, driven(FAMILY[name][0], history, 8))
