"""Watermarks: their hash, their rows, and their distribution over many keys."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jaxsample import Prompt, SynthID, Watermark, draw, partition
from jaxsample.transforms.watermark._synthid import tournament
from tests.oracles import watermark as oracles
from tests.oracles.common import probabilities
from tests.statistics import FALSE_ALARM, p_value

V = 50
TOKENS = np.arange(V, dtype=np.uint32)
FULL = 2**32 - 1


ROW = jnp.asarray(np.random.default_rng(4).standard_normal(V), jnp.float32)

GREEN = jax.jit(lambda mark, context: mark.green(context, TOKENS))
COINS = jax.jit(lambda mark, context: mark.coins(context, TOKENS))
APPLY = jax.jit(lambda mark, row, state: mark(row, state))
UPDATE = jax.jit(lambda mark, state, token: mark.update(state, ROW, token))
PLAY = jax.jit(tournament)


def started(mark, *prompt):
    return mark.init(None, Prompt.of(prompt, V, budget=8))


def marks(mark, state):
    """Whether the state marks the next token."""
    return bool(np.any(np.asarray(APPLY(mark, ROW, state)) != np.asarray(ROW)))


@pytest.mark.parametrize("key", [0, 7, 2**40 + 3, 2**64 - 1])
def test_the_green_list_is_the_hash_in_plain_integers(key):
    """The bits must never change, because texts are tested years after they were marked."""
    mark = Watermark(key, 0.3, width=3)
    for context in ([5, 0, 49], [0, 5, 49], [49, 49, 2**31 - 1]):
        expected = [oracles.green(key, 0.3, context, token) for token in TOKENS]
        np.testing.assert_array_equal(GREEN(mark, jnp.asarray(context)), expected)


@pytest.mark.parametrize("keys", [[654, 400, 836], [1, 0, FULL], range(1, 41)])
def test_the_coins_are_the_hash_in_plain_integers(keys):
    mark = SynthID(list(keys), width=2)
    got = COINS(mark, jnp.array([3, 4]))
    assert got.shape == (V, len(keys))
    np.testing.assert_array_equal(got, [oracles.coins(keys, [3, 4], token) for token in TOKENS])


def test_no_setting_of_jax_moves_the_hash():
    def both():
        green = GREEN(Watermark(7, 0.5, width=3), jnp.arange(3))
        return np.stack([green, *COINS(SynthID([1, 2, 3], width=2), jnp.arange(2)).T])

    plain = both()
    for setting in (jax.threefry_partitionable(False), jax.default_prng_impl("rbg")):
        with setting:
            np.testing.assert_array_equal(both(), plain)


@jax.jit
def greens(keys, contexts, fraction):
    def one(key, context):
        return Watermark(key, fraction).green(context[None], jnp.arange(200, dtype=jnp.uint32))

    return jax.vmap(one)(keys, contexts)


@pytest.mark.parametrize("over", ["contexts", "keys"])
def test_a_green_list_is_a_fair_and_independent_toss_of_each_token(over):
    many = np.arange(3000)
    one = np.zeros_like(many)
    keys, contexts = (one, many) if over == "contexts" else (many, one)
    keys = np.stack([one, keys], axis=1).astype(np.uint32)
    for fraction in (0.25, 0.5):
        tossed = np.asarray(greens(keys, contexts, fraction))
        assert stats.binomtest(int(tossed.sum()), tossed.size, fraction).pvalue > FALSE_ALARM
        deviation = np.sqrt(fraction * (1 - fraction))
        # Counts in each list and for each token have the variance of independent tosses.
        for axis in (0, 1):
            n = tossed.shape[axis]
            z = (tossed.sum(axis) - n * fraction) / (deviation * np.sqrt(n))
            spread = float((z**2).sum())
            assert FALSE_ALARM < stats.chi2.sf(spread, len(z)) < 1 - FALSE_ALARM
        # Neighbours are independent in both directions.
        for a, b in ((tossed[1:], tossed[:-1]), (tossed[:, 1:], tossed[:, :-1])):
            seen = np.bincount(2 * a.ravel() + b.ravel(), minlength=4).reshape(2, 2)
            assert stats.chi2_contingency(seen).pvalue > FALSE_ALARM


def test_the_rounds_are_independent_tosses():
    many = np.arange(4000, dtype=np.uint32)
    toss = jax.jit(lambda mark: mark.coins(jnp.arange(mark.width), many))
    coins = np.asarray(toss(SynthID(range(1, 41))))
    means = coins.mean(0)
    assert stats.chi2.sf(float((4 * 4000 * (means - 0.5) ** 2).sum()), 40) > FALSE_ALARM
    correlation = np.corrcoef(coins.T) - np.eye(40)
    # 780 pairs, each with a deviation of 1 / sqrt(4000); one above five has a chance of 1 in 2000.
    assert np.abs(correlation).max() < 5 / np.sqrt(4000)
    changed = np.asarray(toss(SynthID([*range(1, 40), 99])))
    assert np.abs((coins == changed).mean(0) - 0.5).max() < 5 * 0.5 / np.sqrt(4000)


def test_a_bias_for_the_green_list():
    mark = Watermark(7, 0.5, 2.0)
    green = np.array([oracles.green(7, 0.5, [3], token) for token in TOKENS])
    np.testing.assert_array_equal(
        APPLY(mark, ROW, started(mark, 9, 3)), ROW + np.float32(2) * green
    )


def test_strength_trains_and_nothing_else_does():
    mark = Watermark(7, 0.5, 0.0)
    assert len(jax.tree.leaves(partition(mark)[0])) == 1
    assert not jax.tree.leaves(partition(SynthID([1, 2]))[0])
    green = np.array([oracles.green(7, 0.5, [3], token) for token in TOKENS])
    state = started(mark, 3)

    @jax.jit
    @jax.grad
    def slope(strength):
        row = mark.replace(strength=strength)(jnp.zeros(V), state)
        return jax.nn.log_softmax(row)[np.argmax(green)]

    np.testing.assert_allclose(slope(0.0), 1 - green.mean(), rtol=1e-5)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_tournament_of_pairs(depth):
    """Draw 2 ** depth tokens, let them meet in pairs, and return the last winner."""
    p = np.array([0.45, 0.3, 0.15, 0.07, 0.03])
    g = np.array([[1, 0, 0, 1, 1], [0, 1, 0, 0, 1]])
    expected = np.zeros(5)
    for drawn in itertools.product(range(5), repeat=2**depth):
        standing = [(drawn, np.prod(p[list(drawn)]))]
        for coins in g[:depth]:
            after = []
            for tokens, weight in standing:
                pairs = list(zip(tokens[::2], tokens[1::2], strict=True))
                for picks in itertools.product((0, 1), repeat=len(pairs)):
                    share = 1.0
                    for pair, pick in zip(pairs, picks, strict=True):
                        won, lost = coins[pair[pick]], coins[pair[1 - pick]]
                        share *= 0.5 if won == lost else float(won)
                    winners = tuple(pair[i] for pair, i in zip(pairs, picks, strict=True))
                    after.append((winners, weight * share))
            standing = [one for one in after if one[1] > 0]
        for (token,), weight in standing:
            expected[token] += weight
    words = jnp.asarray(g[0] + 2 * g[1], jnp.uint32)[None]
    got = PLAY(jnp.log(jnp.asarray(p, jnp.float32)), words, np.ones(depth, bool))
    # The tolerance is that of float32 logarithms of five numbers.
    np.testing.assert_allclose(jax.nn.softmax(got), expected, rtol=1e-5)
    np.testing.assert_allclose(
        probabilities(oracles.tournament(g[:depth].T == 1)(np.log(p))), expected, rtol=1e-12
    )


@settings(max_examples=40, deadline=None)
@given(
    row=st.lists(st.floats(-60, 60, width=32) | st.just(-np.inf), min_size=6, max_size=6),
    words=st.lists(st.integers(0, FULL), min_size=6, max_size=6),
)
def test_any_tournament_equals_the_oracle(row, words):
    row = np.float32(row)
    if row.max() == -np.inf:
        return
    words = np.array([words], np.uint32)
    coins = (words[0][:, None] >> np.arange(30)) & 1 == 1
    got = np.asarray(PLAY(row, words, np.ones(30, bool)))[row > -np.inf]
    expected = oracles.tournament(coins)(row)[row > -np.inf]
    assert np.isfinite(got).all()
    # Thirty rounds have a few roundings each, of 2**-24 of a probability.
    np.testing.assert_allclose(
        jax.nn.softmax(jnp.asarray(got)), probabilities(expected), rtol=2e-5, atol=1e-12
    )


@jax.jit
def _marked_draws(numbers, row):
    def one(i):
        bits = jax.random.bits(jax.random.fold_in(jax.random.key(1), i), (6,))
        mark = SynthID(bits, width=1)
        state = mark.init(None, Prompt.of([3], 32, 1))
        return draw(jax.random.fold_in(jax.random.key(2), i), mark(row, state))

    return jax.vmap(one)(numbers)


def test_over_keys_a_tournament_leaves_the_distribution_as_it_was():
    row = np.float32(np.random.default_rng(4).standard_normal(32) * 1.5)
    tokens = np.concatenate([_marked_draws(jnp.arange(5000) + 5000 * i, row) for i in range(20)])
    assert p_value(tokens, probabilities(row)) > FALSE_ALARM


def test_a_mixture_of_keys_goes_with_a_mixture_of_depths():
    """A key of 0 turns its round off, at any place."""
    longer, shorter = SynthID([5, 0, 0], width=2), SynthID([5], width=2)
    state = started(shorter, 1, 2)
    np.testing.assert_array_equal(APPLY(longer, ROW, state), APPLY(shorter, ROW, state))
    np.testing.assert_array_equal(APPLY(SynthID([0] * 3, width=2), ROW, state), ROW)
    moved = APPLY(SynthID([0, 5, 0], width=2), ROW, state)
    assert np.any(np.asarray(moved) != np.asarray(APPLY(longer, ROW, state)))


@pytest.mark.parametrize("mark", [Watermark(7, width=2), SynthID([1, 2, 3], width=2)])
def test_a_step_without_a_whole_context_is_left_alone(mark):
    np.testing.assert_array_equal(mark(ROW), ROW)
    state = started(mark, 6)
    assert not marks(mark, state)
    assert marks(mark, UPDATE(mark, state, 7))
    # Only the last tokens count, whether they are from the prompt or drawn.
    np.testing.assert_array_equal(
        APPLY(mark, ROW, UPDATE(mark, state, 7)), APPLY(mark, ROW, started(mark, 9, 5, 6, 7))
    )
    assert not marks(mark, mark.update(None, ROW, jnp.int32(4)))


def test_a_context_marks_once():
    mark = SynthID([1, 2, 3], width=2)
    state, marked = started(mark, 5, 6), []
    for token in (7, 5, 6, 8, 5, 6):  # after 5 6, 6 7, 7 5, 5 6 again, 6 8, 8 5
        marked.append(marks(mark, state))
        state = UPDATE(mark, state, token)
    assert marked == [True, True, True, False, True, True]
    assert not marks(mark, state), "5 6 for the third time"
    assert int(state.n) == 6


def test_the_memory_of_contexts_is_a_ring(monkeypatch):
    monkeypatch.setattr(SynthID, "history", 3)
    mark = SynthID([1, 2, 3], width=1)
    state = started(mark, 1)
    for token in (2, 3, 1):
        state = UPDATE(mark, state, token)
    assert not marks(mark, state), "1 is one of the last three"
    for token in (4, 5, 2):  # then 1, 4 and 5 are stored
        state = UPDATE(mark, state, token)
    assert marks(mark, state), "2 is forgotten"


SAME_KEYS = {
    "int": 2**32 + 5,
    "np.int64": np.int64(2**32 + 5),
    "np.array": np.array(2**32 + 5),
    "words": [1, 5],
    "array": jnp.array([1, 5], jnp.uint32),
    "key": jax.random.wrap_key_data(jnp.array([1, 5], jnp.uint32), impl="threefry2x32"),
}


@pytest.mark.parametrize("given", SAME_KEYS)
def test_keys_of_every_spelling_are_two_words(given, counted):
    mark = Watermark(SAME_KEYS[given])
    assert mark.key.dtype == np.uint32
    np.testing.assert_array_equal(mark.key, [1, 5])
    run = counted(lambda s, row: s(row))
    jitted = jax.jit(run)
    for other in (mark, Watermark(0, 1, 1), mark.replace(key=9, strength=np.float64(1))):
        jitted.trace(other, jnp.zeros(8))
    assert run.traces == 1


def test_keys_may_be_traced_and_batched():
    np.testing.assert_array_equal(jax.jit(lambda k: Watermark(k).key)(5), [0, 5])
    split = jax.random.split(jax.random.key(0), 3)
    np.testing.assert_array_equal(Watermark(split).key, jax.random.key_data(split))
    np.testing.assert_array_equal(SynthID(jnp.array([3, 4])).keys, [3, 4])
    assert SynthID(np.arange(6).reshape(2, 3)).keys.shape == (2, 3)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Watermark(-1), ["Watermark", "key", "-1"]),
        (lambda: Watermark(2**64), ["key", str(2**64)]),
        (lambda: Watermark(1.5), ["key", "1.5"]),
        (lambda: Watermark(True), ["key", "True"]),
        (lambda: Watermark("secret"), ["key", "secret"]),
        (lambda: Watermark([1, 2, 3]), ["key", "[1, 2, 3]"]),
        (lambda: Watermark([1, -2]), ["key", "-2"]),
        (lambda: Watermark(1, 1.5), ["fraction", "1.5"]),
        (lambda: Watermark(1, 0.5, -1.0), ["strength", "-1.0"]),
        (lambda: Watermark(1, width=0), ["width", "0"]),
        (lambda: SynthID([]), ["SynthID", "keys", "[]"]),
        (lambda: SynthID(5), ["keys", "5"]),
        (lambda: SynthID([1, -2]), ["keys", "-2"]),
        (lambda: SynthID([1, 2**32]), ["keys", str(2**32)]),
        (lambda: SynthID([0.5]), ["keys", "0.5"]),
        (lambda: SynthID(jax.random.split(jax.random.key(0))), ["keys"]),
        (lambda: SynthID([1], width=0), ["width", "0"]),
    ],
)
def test_nonsense_raises(make, words):
    with pytest.raises(ValueError) as error:
        make()
    for word in words:
        assert word in str(error.value)
