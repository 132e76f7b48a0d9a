"""Examples, edge cases and properties of the filters in tests/table/filters.py."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxsample import (
    XTC,
    Epsilon,
    Eta,
    PLess,
    PLessNorm,
    TailFree,
    TopA,
    TopH,
    TopNSigma,
    Typical,
)
from tests.oracles.common import probabilities
from tests.rows import VALID, V, apply
from tests.statistics import FALSE_ALARM, draws, p_value
from tests.table import cases, swept
from tests.table.filters import CASES, STATE

ROWS = np.stack(list(VALID.values()))
INF = np.inf
HALVES = np.log([0.5, 0.25, 0.125, 0.125])
FOURTHS = np.log([0.4, 0.3, 0.2, 0.1])
STEPS = np.log([0.30, 0.22, 0.16, 0.11, 0.08, 0.05, 0.04, 0.02, 0.02])
WIDE = [10.0, 9.0, 5.0, 0.0, -3.0, -4.0]


def kept(sampler, row, state=None):
    """The kept tokens; the row is padded with -inf, so that each structure compiles once."""
    full = np.full(V, -INF, np.float32)
    full[: len(row)] = row
    return np.flatnonzero(apply(sampler, full[None], state)[0] > -INF).tolist()


BY_HAND = [  # the probabilities are above, and the thresholds are in the comments
    (Epsilon(0.2), HALVES, [0, 1]),
    (Epsilon(0.9), HALVES, [0]),  # no token is that likely, so the maximum stays
    (Epsilon(0.9), [0.0, 0.0, -1.0], [0, 1]),
    (Epsilon(0.15), HALVES, [0, 1]),
    (Eta(0.15), HALVES, [0, 1, 2, 3]),  # H = 1.213: min(.15, .387 * .297) = .115
    (Eta(0.2), HALVES, [0, 1]),  # min(.2, .447 * .297) = .133
    (Eta(0.2), np.log([0.9, 0.06, 0.04]), [0]),  # H = .394: min(.2, .447 * .675) = .2
    (TopA(0.4), HALVES, [0, 1, 2, 3]),  # .4 * .25 = .1
    (TopA(0.8), HALVES, [0, 1]),  # .8 * .25 = .2
    (TopA(1e-30), [0.0, -60.0, -80.0], [0, 1]),  # e**-60 = 9e-27, e**-80 = 2e-35
    (PLess(), FOURTHS, [0, 1]),  # .16 + .09 + .04 + .01 = .3, the second is on the edge
    (PLess(), HALVES, [0]),  # .34
    (TopNSigma(1.0), WIDE, [0, 1, 2]),  # population sigma 5.52: 4.48
    (TopNSigma(1.0), WIDE + [-INF] * 3, [0, 1, 2]),  # -inf counted as 0 would drop the third
    (TopNSigma(1.0), [-INF, 3.0, -INF], [1]),
    (TopNSigma(5.0), [200.0] + [0.0] * 3 + [-1.0], [0, 1, 2, 3, 4]),
    (TopH(0.4), HALVES, [0]),  # terms .5 .5 .375 .375 of 1.75 bits: .7
    (TopH(0.6), HALVES, [0, 1]),  # 1.05
    (TopH(0.8), HALVES, [0, 1]),  # 1.4 would split the tie at 1.375
    (TopH(0.99), [0.0, 0.0, 0.0], [0, 1, 2]),
    (TopH(0.0), HALVES, [0]),
    (TopH(0.9), [5.0], [0]),
    (Typical(0.499), FOURTHS, [1, 2]),  # H = 1.28; by distance: .3 .2 .4 .1
    (Typical(0.501), FOURTHS, [0, 1, 2]),
    (Typical(0.25), [2.0, 1.5, 1.0, 0.5], [1]),
    (Typical(0.25), [2.0, 1.5, 1.0, 0.5, -INF, -INF], [1]),  # 0 log 0 must not be NaN
    (Typical(0.0), [1.0, 1.0, -3.0], [0, 1]),
    (Typical(0.5), [0.0, 0.0, 0.0], [0, 1, 2]),
    # Bends .02 .01 .02 0 .02 .01 .02: as many tokens as sum to z, and one more.
    (TailFree(0.35), STEPS, [0, 1, 2]),
    (TailFree(0.55), STEPS, [0, 1, 2, 3, 4]),
    (TailFree(0.75), STEPS, [0, 1, 2, 3, 4, 5]),
    (TailFree(0.9), STEPS, [0, 1, 2, 3, 4, 5, 6]),
    (TailFree(0.5), FOURTHS, [0, 1, 2, 3]),  # a straight line has no tail
    (TailFree(0.5), [1.0, 0.0], [0, 1]),
    (TailFree(0.5), [1.0, 0.0, -INF], [0, 1]),
    (TailFree(0.5), [3.0], [0]),
    (TailFree(0.01), [3.0, 3.0, 1.0, 0.0, -2.0], [0, 1]),
    (TailFree(0.0), [2.0, 5.0, 2.0, 3.0, -9.0], [1]),
]


@pytest.mark.parametrize("sampler, row, expected", BY_HAND, ids=range(len(BY_HAND)))
def test_by_hand(sampler, row, expected):
    assert kept(sampler, row) == expected


def test_top_n_sigma_then_typical():
    """Tokens masked by the first filter must not make the second one act like top-p."""
    row = [10.0, 9.5, 9.0, 8.5, 5.0, 0.0, -3.0, -4.0]
    masked = apply(TopNSigma(1.0), np.float32([row + [-INF] * (V - len(row))]))
    assert kept(Typical(0.25), masked[0]) == [1]


def test_p_less_norm_counts_masked_tokens():
    """For a large V the threshold (V * .375 - 1) / (V - 1) is near .375, between .25 and .5."""
    row = np.log([0.5, 0.25, 0.25])
    alone = jax.jit(lambda s, x: s(x))(PLessNorm(), np.float32(row))  # (3 * .375 - 1) / 2 = .0625
    assert (np.asarray(alone) > -INF).tolist() == [True, True, True]
    assert kept(PLessNorm(), row) == [0]


def test_top_n_sigma_beside_one_outlier():
    """The mean of squares minus the squared mean would lose all digits of sigma."""
    rng = np.random.default_rng(0)
    row = np.float32(np.append(0.01 * rng.standard_normal(V - 1), 2000.0))
    sigma = row.astype(np.float64).std()
    for n in (1.0, 11.0, 11.4, 11.5, 12.0):
        expected = np.flatnonzero(row >= row.max() - n * sigma)
        assert kept(TopNSigma(n), row) == expected.tolist(), n


def test_top_h_where_the_model_is_all_but_sure():
    """The entropy is far below the rounding of 1, and the first token adds little to it."""
    row = np.array([0.0, -20.0, -21.0])
    terms = -np.exp(row) * row  # 4.1e-8 and 1.6e-8 beside the first token's 2.8e-9
    assert terms[1] / terms.sum() > 0.65
    assert kept(TopH(0.5), row) == [0]
    assert kept(TopH(0.75), row) == [0, 1]


def test_small_vocabularies():
    samplers = [TailFree(0.0), PLessNorm(), TopNSigma(0.0)]
    run = jax.jit(lambda samplers, row: [jnp.sum(s(row) > -INF) for s in samplers])
    for size in (1, 2):
        counts = np.array(run(samplers, -np.arange(size, dtype=np.float32)))
        assert (counts > 0).all() and (counts <= size).all()


@cases([case for case in CASES if len(jax.tree.leaves(case.sampler)) == 1])
def test_any_number_leaves_a_usable_row(case):
    """Traced values are not checked, and NaN makes every row invalid."""
    for value in (-1.0, -0.0, 1e-45, 1e-30, 1.5, 1e30, INF, -INF):
        sampler = jax.tree.map(lambda _, v=value: jnp.float32(v), case.sampler)
        got = apply(sampler, ROWS, case.state)
        assert not np.isnan(got).any(), value
        assert (got > -INF).any(axis=1).all(), value
    got = apply(jax.tree.map(lambda _: jnp.float32(np.nan), case.sampler), ROWS, case.state)
    assert np.isnan(got).all()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Epsilon(1.5), ["Epsilon", "epsilon", "1.5", "1]"]),
        (lambda: Eta(-0.1), ["Eta", "epsilon", "-0.1", "[0"]),
        (lambda: TopA(2), ["TopA", "a", "2"]),
        (lambda: TopNSigma(-1.0), ["TopNSigma", "n", "-1.0"]),
        (lambda: TopH(1.01), ["TopH", "alpha", "1.01"]),
        (lambda: Typical(-0.5), ["Typical", "p", "-0.5"]),
        (lambda: TailFree(1.2), ["TailFree", "z", "1.2"]),
        (lambda: XTC(1.2, 0.5), ["XTC", "threshold", "1.2"]),
        (lambda: XTC(0.1, -0.5), ["XTC", "probability", "-0.5"]),
    ],
)
def test_nonsense_raises(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert all(word in str(error.value) for word in words)


def test_64_bit_types_change_nothing():
    with jax.enable_x64(True):
        for case in CASES:
            out = jax.eval_shape(
                lambda s, x, state: s(x, state), case.sampler, np.zeros(V, np.float32), case.state
            )
            assert (out.dtype, out.shape) == (jnp.float32, (V,))


ONE_LEAF = [case for case in CASES if len(jax.tree.leaves(case.sampler)) == 1]
BY_NAME = {type(case.sampler).__name__: case for case in ONE_LEAF}
GROWS = {"Epsilon": -1, "Eta": -1, "TopA": -1, "TopH": 1, "TopNSigma": 1, "TailFree": 1,
         "Typical": 1}  # fmt: skip
QUICK = "TopNSigma", "TailFree", "Typical"


def drawn(seed, spread):
    return np.float32(spread * np.random.default_rng(seed).standard_normal(V))


a_row = st.builds(drawn, st.integers(0, 10_000), st.sampled_from([0.3, 1.0, 3.0, 10.0]))
a_share = st.floats(0.0, 1.0, width=32)
quickly = settings(max_examples=12, deadline=None)


@pytest.mark.parametrize("name", swept(GROWS, QUICK))
@given(row=a_row, one=a_share, two=a_share)
@quickly
def test_the_kept_set_grows_with_the_setting(name, row, one, two):
    low, high = sorted((one, two), key=lambda v: v * GROWS[name])
    make = type(BY_NAME[name].sampler)
    few, many = (apply(make(v), row[None])[0] > -INF for v in (low, high))
    assert (few <= many).all()


@pytest.mark.parametrize("name", swept([*GROWS, "PLess"], QUICK))
@given(row=a_row, setting=a_share, seed=st.integers(0, 100))
@quickly
def test_masked_tokens_are_no_part_of_the_row(name, row, setting, seed):
    """The same tokens at other places, between -inf entries, are kept or dropped alike."""
    some = np.random.default_rng(seed).permutation(V)[:40]
    packed, spread = np.full((2, V), -INF, np.float32)
    packed[:40] = spread[some] = row[some]
    sampler = PLess() if name == "PLess" else type(BY_NAME[name].sampler)(setting)
    a, b = apply(sampler, np.stack([packed, spread])) > -INF
    # Sums in another order may differ at an edge by one token, as there are no ties.
    assert (a[:40] != b[some]).sum() <= 1


@given(row=a_row, n=st.floats(0.0, 4.0, width=32))
@quickly
def test_no_temperature_changes_what_top_n_sigma_keeps(row, n):
    """Powers of two are exact."""
    a, b, c = apply(TopNSigma(n), np.stack([row, 4 * row, row / 8]))
    np.testing.assert_array_equal(a > -INF, b > -INF)
    np.testing.assert_array_equal(a > -INF, c > -INF)


@given(row=a_row)
@quickly
def test_p_less_is_the_stricter(row):
    strict, loose = (apply(s, row[None])[0] > -INF for s in (PLess(), PLessNorm()))
    assert (strict <= loose).all()


@given(row=a_row, epsilon=a_share)
@quickly
def test_eta_never_cuts_above_epsilon(row, epsilon):
    strict, loose = (apply(s, row[None])[0] > -INF for s in (Epsilon(epsilon), Eta(epsilon)))
    assert (strict <= loose).all()


DRAWN = {type(case.sampler).__name__: case for case in CASES if case.id != "epsilon-0.3"}
SHORT = np.float32(np.random.default_rng(1).standard_normal(32))


@pytest.fixture(scope="module")
def short():
    """One row of 32 tokens after each filter."""
    run = jax.jit(lambda samplers, row: {n: s(row, DRAWN[n].state) for n, s in samplers.items()})
    return run({name: case.sampler for name, case in DRAWN.items()}, SHORT)


@pytest.mark.parametrize("name", swept(DRAWN, QUICK))
def test_100_000_draws_follow_the_oracle(name, short):
    expected = probabilities(DRAWN[name].oracle(SHORT))
    assert 1 < (expected > 0).sum()
    assert p_value(draws(12, short[name]), expected) > FALSE_ALARM


def test_state_is_only_what_chance_needs():
    assert Typical(0.5).init(jax.random.key(0), None) == ()
    words, n = XTC(0.1, 0.5).init(jax.random.key(0), None)
    np.testing.assert_array_equal(words, STATE[0])
    assert n == 0 and n.dtype == jnp.int32
