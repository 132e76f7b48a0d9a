"""Penalties: by hand, after random histories, and edge cases."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxsample import (
    DRY,
    ExponentialLengthDecay,
    FrequencyPenalty,
    NoRepeatNgram,
    PresencePenalty,
    Prompt,
    RepetitionPenalty,
    chain,
    combine,
    partition,
)
from tests.oracles import penalties as oracles
from tests.oracles.common import probabilities
from tests.statistics import FALSE_ALARM, draws, p_value
from tests.table import swept
from tests.transforms.driven import ROOM, ROW, V, driven, driven_traced


def after(sampler, tokens, row):
    """The row after a prompt; all further tokens of the vocabulary are dropped."""
    full = np.pad(np.float32(row), (0, V - len(row)), constant_values=-np.inf)
    return driven(sampler, tokens, logits=full)[: len(row)]


def test_penalties_of_llama_cpp_by_hand():
    """Values of llama.cpp: penalty_last_n 64, repeat 1.3, frequency .2, presence .1."""
    sampler = chain(
        RepetitionPenalty(1.3, window=64),
        FrequencyPenalty(0.2, window=64),
        PresencePenalty(0.1, window=64),
    )
    got = after(sampler, [0, 0, 1], [1.0, -1.0, 0.0, 2.0])
    # 1 / 1.3 - .2 * 2 - .1 and -1 * 1.3 - .2 - .1
    np.testing.assert_allclose(got, [0.2692, -1.6, 0.0, 2.0], atol=5e-5)


def test_the_order_of_penalties_is_the_order_of_the_chain():
    row, r, f = [2.0, 0.0], RepetitionPenalty(2.0), FrequencyPenalty(0.5)
    np.testing.assert_allclose(after(chain(r, f), [0], row), [0.5, 0.0])
    np.testing.assert_allclose(after(chain(f, r), [0], row), [0.75, 0.0])


SCOPED = {  # prompt 3 1 1 7, output 2 1 5
    ("all", None): {1: 3, 2: 1, 3: 1, 5: 1, 7: 1},
    ("prompt", None): {1: 2, 3: 1, 7: 1},
    ("output", None): {1: 1, 2: 1, 5: 1},
    ("all", 5): {1: 2, 2: 1, 5: 1, 7: 1},
    ("prompt", 2): {1: 1, 7: 1},
    ("output", 2): {1: 1, 5: 1},
    ("output", 9): {1: 1, 2: 1, 5: 1},
}


@pytest.mark.parametrize("scope, window", SCOPED)
def test_scope_and_window_say_which_tokens_count(scope, window):
    got = driven(FrequencyPenalty(1.0, scope, window), [3, 1, 1, 7, 2, 1, 5], 4, np.zeros(V))
    assert {i: -int(v) for i, v in enumerate(got) if v} == SCOPED[scope, window]


def test_a_token_is_penalised_once_however_often_it_came():
    np.testing.assert_allclose(after(RepetitionPenalty(2.0), [0, 0, 0], [3.0, 1.0]), [1.5, 1.0])
    np.testing.assert_allclose(after(PresencePenalty(2.0), [0, 0, 0], [3.0, 1.0]), [1.0, 1.0])


def test_what_overflows_stays_finite():
    row = np.float32([3e38, -3e38, 1.0])
    for sampler in (RepetitionPenalty(0.5), RepetitionPenalty(2.0), FrequencyPenalty(1e30),
                    FrequencyPenalty(-1e30), PresencePenalty(1e30)):  # fmt: skip
        assert np.isfinite(after(sampler, [0, 1], row)).all(), sampler
    assert np.isfinite(after(RepetitionPenalty(2.0), [1], np.float32([-np.inf, -3e38]))[1])


NONSENSE = {
    "repetition": (RepetitionPenalty(1.0), [0.0, -2.0, 1e-30, np.inf, -np.inf]),
    "frequency": (FrequencyPenalty(0.0), [np.inf, -np.inf, 3e38]),
    "presence": (PresencePenalty(0.0), [np.inf, -np.inf, 3e38]),
    "dry": (DRY(1.0), [0.0, -1.0, np.inf, 3e38]),
    "length_decay": (ExponentialLengthDecay(0, 1.0, 3), [0.0, -1.0, np.inf, 3e38]),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_no_traced_value_makes_nan_or_drops_a_token(name):
    sampler, values = NONSENSE[name]
    for value in values:
        cast = jax.tree.map(lambda x, v=value: np.full_like(x, np.clip(v, -9, 9))
                            if x.dtype == np.int32 else np.float32(v), sampler)  # fmt: skip
        got = driven(cast, [3, 4, 3, 4, 3, 4, 3], 2)
        assert np.isfinite(got).all(), value


def test_no_ngram_comes_twice():
    row = np.zeros(6)
    # 1 2 3 and 1 2 4 occurred, so neither 3 nor 4 may follow 1 2.
    history = [1, 2, 3, 1, 2, 4, 1, 2]
    banned = lambda n, tokens: np.flatnonzero(after(NoRepeatNgram(n), tokens, row) < 0).tolist()  # noqa: E731
    assert banned(3, history) == [3, 4]
    assert banned(2, history) == [3, 4]
    assert banned(4, [*history[:6], 1]) == []
    assert banned(1, history) == [1, 2, 3, 4]
    assert banned(9, history) == [] and banned(8, history) == []
    assert banned(3, [1, 1]) == [] and banned(3, [1, 1, 1]) == [1]


@pytest.mark.parametrize("window, banned", [(8, [3, 4]), (7, [4]), (5, [4]), (4, []), (1, [])])
def test_only_ngrams_that_begin_in_the_window_count(window, banned):
    got = after(NoRepeatNgram(3, window=window), [1, 2, 3, 1, 2, 4, 1, 2], np.zeros(6))
    assert np.flatnonzero(got < 0).tolist() == banned


def test_a_row_without_a_token_left_is_invalid():
    assert np.isnan(after(NoRepeatNgram(1), [0, 1], [1.0, 2.0])).all()


A, B, C, Y = 0, 1, 2, 3
EXAMPLE = [A, B, C, C, B, C, Y, A, B, C]


def test_dry_by_hand():
    """After abc, c repeats 3 tokens (abc c), y repeats 2 (bc y), and b repeats 1 (c b)."""
    got = after(DRY(0.5, 3.0, 1), EXAMPLE, np.zeros(5))
    np.testing.assert_allclose(got, [0, -0.5, -0.5 * 9, -0.5 * 3, 0], rtol=1e-6)
    got = after(DRY(0.5, 3.0, 3), EXAMPLE, np.zeros(5))
    np.testing.assert_allclose(got, [0, 0, -0.5, 0, 0], rtol=1e-6)


@pytest.mark.parametrize(
    "breakers, expected",
    [
        ([], {B: 1, C: 3, Y: 2}),
        ([[Y]], {B: 1, C: 3}),  # three tokens follow it; it is not lowered itself
        ([[B]], {C: 1, Y: 1}),
        ([[C, Y]], {B: 1, C: 3, Y: 2}),
        ([[B, C], [Y]], {B: 0, C: 0}),  # no token follows the breaker that begins last
        ([[Y, A, B], [A]], {B: 1, C: 2, Y: 2}),  # A begins last, although it ends first
        ([[A, B], [A]], {B: 1, C: 1, Y: 1}),  # the longer of two that begin at one place
        ([[C, C, C], [9, 9]], {B: 1, C: 3, Y: 2}),
    ],
)
def test_breakers_bound_a_repetition(breakers, expected):
    table = np.full((2, 3), -1)  # one shape, so that all compile once
    for row, breaker in zip(table, breakers, strict=False):
        row[: len(breaker)] = breaker
    got = after(DRY(1.0, 2.0, 0, table), EXAMPLE, np.zeros(5))
    # allowed_length 0 shows every m. A token without a match has m = 0 and loses 1.
    seen = {i: int(np.log2(-v)) for i, v in enumerate(got) if v and i != A}
    assert seen == expected
    assert oracles.repeats(EXAMPLE, breakers).items() >= expected.items()


def test_a_window_cuts_repetitions():
    assert after(DRY(1.0, 2.0, 2, window=8), EXAMPLE, np.zeros(5)).tolist() == [0, 0, 0, -1, 0]
    assert after(DRY(1.0, 2.0, 2, window=10), EXAMPLE, np.zeros(5)).tolist() == [0, 0, -2, -1, 0]


def test_long_repetitions_do_not_overflow():
    row = jnp.zeros(4)

    @jax.jit
    @functools.partial(jax.value_and_grad, allow_int=True)
    def total(sampler):
        return jnp.sum(sampler(row, sampler.init(None, Prompt.of([1] * 400, 4, 0))))

    for base in (1.0, 1.75, 1e6):
        got, grads = total(DRY(1.0, base))
        assert np.isfinite(got) and np.isfinite(grads.multiplier) and np.isfinite(grads.base)
        # After a repetition of 399 tokens, the logit of token 1 is still finite.
        assert got <= -1


def test_gradients_go_through_histories():
    """Through a scan over integers and the search for breakers in the prompt."""
    tokens = np.int32(EXAMPLE + [0] * (ROOM - len(EXAMPLE)))
    sampler = chain(RepetitionPenalty(1.2), DRY(1.0, 1.5, 0, [[9], [8, 9]]))

    @jax.jit
    @functools.partial(jax.grad, allow_int=True)
    def slope(sampler):
        after = driven_traced(sampler, tokens, jnp.int32(4), jnp.int32(10), jnp.asarray(ROW))
        return jax.nn.log_softmax(after)[C]

    grads = slope(sampler)
    for leaf in (grads[0].penalty, grads[1].multiplier, grads[1].base):
        assert np.isfinite(leaf) and leaf != 0


EXTREMES = np.float32([1e30, -1e30, 3e38, -3e38, 1e-30, -1e-30, 0.0, -np.inf])
STEEP = {
    "repetition": (RepetitionPenalty, [1e-6, 1e-3, 1.0, 1e3, 1e6]),
    "frequency": (FrequencyPenalty, [-1e30, -1.0, 0.0, 1e30]),
    "presence": (PresencePenalty, [-1e30, 0.0, 1e30]),
    "dry": (lambda v: DRY(v, allowed_length=0), [0.0, 1.0, 1e30]),
    "dry base": (lambda v: DRY(1e30, v, allowed_length=0), [1.0, 1.75, 1e6]),
    "length_decay": (lambda v: ExponentialLengthDecay(0, v, list(range(8))),
                     [1e-6, 0.5, 1.0, 1.01, 1e6]),
}  # fmt: skip


@jax.jit
def slopes(sampler, tokens, row):
    """The gradients of the sum of all logits, in the leaves and in the row."""
    trainable, rest = partition(sampler, lambda path, leaf: leaf.dtype == np.float32)

    def total(trainable, row):
        sampler = combine(trainable, rest)
        state = sampler.init(None, Prompt(tokens, jnp.int32(len(tokens)), jnp.int32(1), 8))
        for token in (6, 7) * 3:
            state = sampler.update(state, row, jnp.int32(token))
        out = sampler(row, state)
        return jnp.sum(jnp.where(out > -jnp.inf, out, 0.0))

    return jax.grad(total, argnums=(0, 1))(trainable, row)


@pytest.mark.parametrize("name", STEEP)
def test_gradients_are_finite_at_extreme_logits_and_settings(name):
    make, values = STEEP[name]
    for value in values:
        for row in (EXTREMES, np.full(8, 1e30, np.float32), np.full(8, -3e38, np.float32)):
            for leaf in jax.tree.leaves(slopes(make(value), np.int32([*range(8)] * 2), row)):
                assert np.isfinite(leaf).all(), (value, row, leaf)


def test_length_decay_by_hand():
    for n, expected in [(0, [-2.0, 1.0, 4.0]), (2, [-2.0, 1.0, 4.0]), (4, [0.5, 1.0, 9.0])]:
        got = ExponentialLengthDecay(2, 1.5, [0, 2, 99])(jnp.array([-2.0, 1.0, 4.0]), jnp.int32(n))
        np.testing.assert_allclose(got, expected, rtol=1e-6)


BREAKERS = [[0], [2, 3], [1, 1, 2]]
FAMILY = {
    "repetition": (RepetitionPenalty(1.7), lambda p, o: oracles.repetition(1.7, p + o)),
    "frequency": (
        FrequencyPenalty(0.4, "prompt", 5), lambda p, o: oracles.frequency(0.4, p[-5:])),
    "presence": (PresencePenalty(0.6, "output"), lambda p, o: oracles.presence(0.6, o)),
    "window": (RepetitionPenalty(0.6, window=6),
               lambda p, o: oracles.repetition(0.6, (p + o)[-6:])),
    "ngram": (NoRepeatNgram(2), lambda p, o: oracles.no_repeat_ngram(2, p + o)),
    "dry": (DRY(0.8, 1.5, 1, BREAKERS),
            lambda p, o: oracles.dry(0.8, 1.5, 1, p + o, BREAKERS)),
    "dry window": (DRY(0.8, 1.5, 1, BREAKERS, 7),
                   lambda p, o: oracles.dry(0.8, 1.5, 1, p + o, BREAKERS, 7)),
    "length_decay": (ExponentialLengthDecay(4, 1.3, [5, 6]),
                     lambda p, o: oracles.exponential_decay(4, 1.3, [5, 6], len(o))),
}  # fmt: skip
QUICK = "repetition", "window", "dry"
HISTORIES = st.lists(st.integers(0, 3), min_size=1, max_size=ROOM)


@pytest.mark.parametrize("name", swept(FAMILY, QUICK))
@settings(max_examples=40, deadline=None)
@given(tokens=HISTORIES, share=st.floats(0, 1))
def test_any_history_drawn_or_given_means_what_the_oracle_says(name, tokens, share):
    """The split of the history into prompt and output does not matter."""
    sampler, oracle = FAMILY[name]
    start = max(1, round(share * len(tokens)))
    expected = oracle(tokens[:start], tokens[start:])(ROW)
    got = driven(sampler, tokens, start)
    np.testing.assert_array_equal(got > -np.inf, expected > -np.inf)
    # float32 against float64; logits of size 3 are lowered by up to .8 * 1.5 ** 20.
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", swept(FAMILY, QUICK))
def test_draws_after_a_history_follow_the_oracle(name):
    sampler, oracle = FAMILY[name]
    prompt, output = [9, 1, 2, 5, 1, 2, 3, 6], [1, 2, 5, 4, 1, 2]
    logits = driven(sampler, prompt + output, len(prompt))
    expected = probabilities(oracle(prompt, output)(ROW))
    assert p_value(draws(21, logits, thousands=20), expected) > FALSE_ALARM


def test_tokens_outside_the_vocabulary_are_not_counted():
    for sampler in (RepetitionPenalty(2.0), FrequencyPenalty(1.0), DRY(1.0, allowed_length=0),
                    FrequencyPenalty(1.0, window=4)):  # fmt: skip
        got = after(sampler, [V, -1, V + 5, -1, V], [1.0, 2.0, 3.0])
        np.testing.assert_array_equal(got, [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: RepetitionPenalty(0.0), ["penalty", "0.0"]),
        (lambda: RepetitionPenalty(-1.2), ["penalty", "-1.2"]),
        (lambda: RepetitionPenalty(1.2, "both"), ["scope", "both", "output"]),
        (lambda: FrequencyPenalty(float("nan")), ["strength", "nan"]),
        (lambda: PresencePenalty(0.1, window=0), ["window", "0"]),
        (lambda: PresencePenalty(0.1, window=jnp.int32(3)), ["window"]),
        (lambda: NoRepeatNgram(0), ["n", "0"]),
        (lambda: NoRepeatNgram(2.0), ["n", "2.0"]),
        (lambda: NoRepeatNgram(2, window=0), ["window", "0"]),
        (lambda: DRY(-1.0), ["multiplier", "-1.0"]),
        (lambda: DRY(1.0, 0.5), ["base", "0.5"]),
        (lambda: DRY(1.0, allowed_length=-1), ["allowed_length", "-1"]),
        (lambda: DRY(1.0, breakers=[[1], []]), ["breakers", "[]"]),
        (lambda: DRY(1.0, breakers=[1, 2]), ["breakers", "[1, 2]"]),
        (lambda: DRY(1.0, breakers=[[1, -1]]), ["breakers", "-1"]),
        (lambda: DRY(1.0, window=0), ["window", "0"]),
        (lambda: ExponentialLengthDecay(-1, 1.1, 0), ["start", "-1"]),
        (lambda: ExponentialLengthDecay(1, 0.0, 0), ["factor", "0.0"]),
        (lambda: ExponentialLengthDecay(1, 1.1, [-1]), ["eos", "-1"]),
        (lambda: RepetitionPenalty(1.2)(jnp.zeros(3)), ["prompt", "RepetitionPenalty"]),
        (lambda: NoRepeatNgram(2)(jnp.zeros(3)), ["prompt", "NoRepeatNgram"]),
        (lambda: DRY(1.0)(jnp.zeros(3)), ["prompt", "DRY"]),
        (lambda: RepetitionPenalty(1.2)(jnp.zeros(4), jnp.zeros(3, jnp.int32)), ["3", "4"]),
    ],
)  # fmt: skip
def test_nonsense_raises_value_error_naming_it(make, words):
    with pytest.raises(ValueError) as error:
        make()
    for word in words:
        assert word in str(error.value)


def test_repr_says_what_was_given():
    assert repr(RepetitionPenalty(1.2, "output", 8)) == (
        "RepetitionPenalty(penalty=1.2, scope='output', window=8)"
    )
    assert repr(DRY(0.8, breakers=[[1, 2], [3]])) == (
        "DRY(multiplier=0.8, base=1.75, allowed_length=2, breakers=[[1, 2], [3]])"
    )


@pytest.mark.parametrize("name", ["dry", "ngram", "presence"])
def test_64_bit_types_change_no_bit(name):
    history = [9, 1, 2, 5, 1, 2, 3, 6, 1, 2]
    with jax.enable_x64(True):
        got = driven(FAMILY[name][0], history, 8)
    assert got.dtype == np.float32 and np.isfinite(got).any()
    np.testing.assert_array_equal(got, driven(FAMILY[name][0], history, 8))
