"""Temperatures and filters that depend on the row or on earlier tokens."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxsample import (
    AdaptiveP,
    ClassTemperature,
    DynamicTemperature,
    EntropyTemperature,
    Mirostat,
    Prompt,
    Quadratic,
    Temperature,
    TopK,
    TopPDecay,
    chain,
    sample,
)
from tests.oracles import adaptive as oracles
from tests.oracles.common import probabilities
from tests.table import swept

RUN = jax.jit(lambda sampler, row, state: sampler(row, state))
UPDATE = jax.jit(lambda sampler, state, row, token: sampler.update(state, row, token))
HALVES = np.log([0.5, 0.25, 0.125, 0.125]).astype(np.float32)
TENTHS = np.log([0.4, 0.3, 0.2, 0.1]).astype(np.float32)


def kept(row):
    return np.flatnonzero(np.asarray(row) > -np.inf).tolist()


def test_dynamic_temperature_gives_what_llama_cpp_gives():
    """Values of llama.cpp's temp_ext at 1 +- .5 on [3, 2, 1, 0], which are not shifted."""
    got = np.asarray(DynamicTemperature(0.5, 1.5)(jnp.array([3.0, 2.0, 1.0, 0.0])))
    np.testing.assert_allclose(got - got[3], [2.5348, 1.6899, 0.8449, 0], atol=1e-4)


def test_dynamic_temperature_counts_the_tokens_a_filter_left():
    row = jnp.array([1.0, 1.0, -1.0, -2.0])
    equal = chain(TopK(2), DynamicTemperature(0.1, 3.0))
    np.testing.assert_array_equal(equal(row), [0, 0, -np.inf, -np.inf])
    # The dropped token does not count; a system that counts it has a lower temperature.
    row = np.float32([1.0, 0.0, -np.inf])
    h = -(probabilities(row[:2]) * np.log(probabilities(row[:2]))).sum()
    expected = -1 / (0.1 + 2.9 * h / np.log(2))
    np.testing.assert_allclose(DynamicTemperature(0.1, 3.0)(row)[1], expected, rtol=1e-5)


@pytest.mark.parametrize("low", [0.0, 0.5])
@pytest.mark.parametrize("exponent", [0.0, 0.3, 2.0])
def test_dynamic_temperature_leaves_one_token_alone(low, exponent):
    row = jnp.array([-jnp.inf, 7.0, -jnp.inf])
    got = RUN(DynamicTemperature(low, 2.0, exponent), row, ())
    np.testing.assert_array_equal(got, [-np.inf, 0.0, -np.inf])


def test_quadratic_by_hand():
    row = jnp.array([4.0, 3.0, 0.0, -jnp.inf])
    np.testing.assert_array_equal(Quadratic(0.5)(row), [4.0, 3.5, -4.0, -np.inf])
    # k = .5, s = .5: f (d^2 / 2 + |d|^3 / 2).
    np.testing.assert_array_equal(Quadratic(1.0, 2.0)(row), [4.0, 3.0, -36.0, -np.inf])
    # k = -.5, s = 1.5: a token slightly below the maximum passes it.
    got = Quadratic(1.0, 4.0)(jnp.array([1.0, 0.75]))
    np.testing.assert_array_equal(got, [1.0, 1.0 + 0.5 / 16 - 1.5 / 64])
    np.testing.assert_array_equal(Quadratic(0.0, 9.0)(row), row)


def test_adaptive_p_gives_what_llama_cpp_gives():
    got = AdaptiveP(0.3, 0.9)(HALVES)
    np.testing.assert_allclose(got, [2.3333, 4.7619, 2.8509, 2.8509], atol=1e-4)


def test_adaptive_p_remembers_as_llama_cpps_two_sums_do():
    """llama.cpp stores a weighted sum and a total weight, both at their fixed points."""
    sampler, state = AdaptiveP(0.3, 0.8), AdaptiveP(0.3, 0.8).init(None, None)
    total, weight = 0.3 / (1 - 0.8), 1 / (1 - 0.8)
    for token in (0, 3, 1, 0):
        aim = np.clip(2 * 0.3 - total / weight, 0, 1)
        d = np.abs(np.exp(HALVES) - aim) / 0.3
        np.testing.assert_allclose(RUN(sampler, HALVES, state), 5 - 10 * d**2 / (1 + d), rtol=1e-4)
        state = UPDATE(sampler, state, HALVES, token)
        total, weight = np.exp(HALVES[token]) + 0.8 * total, 1 + 0.8 * weight
    np.testing.assert_allclose(state, total / weight, rtol=1e-5)


def drawn(sampler, row, count):
    """Draw from the same row many times."""

    def body(state, n):
        token = sample(jax.random.fold_in(jax.random.key(7), n), row, sampler, state)
        return sampler.update(state, row, token), token

    run = jax.jit(lambda s: jax.lax.scan(body, s, jnp.arange(count)))
    return np.asarray(run(sampler.init(None, None))[1])


def test_adaptive_p_steers_as_far_as_the_rule_does():
    """The mean does not reach the target, because the aim does not accumulate errors."""
    row = np.float32(-0.25 * np.arange(40))
    p, rng = probabilities(row), np.random.default_rng(0)
    for target in (0.03, 0.15):
        mean, seen = target, []
        for _ in range(2000):
            shaped = oracles.adaptive_p(target, mean)(row)
            seen.append(rng.choice(p, p=probabilities(shaped)))
            mean = 0.9 * mean + 0.1 * seen[-1]
        got = p[drawn(AdaptiveP(target), row, 2000)]
        # The mean of 2000 draws deviates by .0016; the limit is five for a difference of two.
        assert abs(got.mean() - np.mean(seen)) < 5 * 0.0016 * 2**0.5


def test_class_temperature_follows_the_token_before():
    sampler = ClassTemperature([1.0, 2.0, 0.0], [0, 1, 2, 9])
    row = jnp.array([3.0, 1.0, 2.0, 0.0])
    prompt = Prompt.of([2, 0, 1], vocab_size=4, budget=5)
    state = sampler.init(None, prompt)
    assert state == 1 and state.dtype == jnp.int32
    np.testing.assert_array_equal(sampler(row, state), [0, -1, -0.5, -1.5])
    np.testing.assert_array_equal(sampler(row), [0, -2, -1, -3])
    for token in (2, 3):  # a class past the last counts as the last
        state = sampler.update(state, row, token)
        np.testing.assert_array_equal(sampler(row, state), [0, -np.inf, -np.inf, -np.inf])


def test_class_temperature_says_what_it_needs():
    row = jnp.zeros(4)
    for temperatures, classes in ((1.0, [0] * 4), ([1.0], 0), ([1.0], [0] * 3), ([], [0] * 4)):
        with pytest.raises(ValueError, match=r"temperatures \[C\] and one class for each of 4"):
            ClassTemperature(temperatures, classes)(row)
    with pytest.raises(ValueError, match="-1.0"):
        ClassTemperature([0.5, -1.0], [0, 1])


def test_mirostat_measures_surprise_over_the_whole_row():
    """llama.cpp measures it over the kept tokens: 1.737 bits for the second of [.4 .3 .2 .1]."""
    sampler = Mirostat(1.0, 0.5)
    assert kept(sampler(TENTHS)) == [0, 1]
    np.testing.assert_allclose(sampler.update(None, TENTHS, 1), 2 - 0.5 * (1.737 - 1), atol=1e-3)
    np.testing.assert_allclose(oracles.surprise(TENTHS, 1), 1.737, atol=1e-3)


def test_mirostat_keeps_the_crossing_token_and_never_less_than_the_maxima():
    halves = jnp.log2(jnp.array([0.5, 0.25, 0.125, 0.125])) * jnp.log(2.0)
    # Exactly 2 bits, up to the rounding of a logarithm.
    assert kept(Mirostat(9.0, 0.0)(halves, jnp.float32(2.00001))) == [0, 1]
    assert kept(Mirostat(9.0, 0.0)(halves, jnp.float32(1.9999))) == [0]
    for version in (1, 2):
        for mu in (-1e9, -1.0, 0.0):
            assert kept(Mirostat(1.0, 0.1, version)(halves, jnp.float32(mu)))[0] == 0
        assert kept(Mirostat(1.0, 0.1, version)(halves, jnp.float32(50.0))) == [0, 1, 2, 3]


def authors_k(logits, mu):
    """The k of the authors' code, for a row of more than 101 distinct logits."""
    p = np.sort(probabilities(logits))[::-1]
    i = np.arange(100)
    t, b = np.log((i + 2) / (i + 1)), np.log(p[:100] / p[1:101])
    s = (t * b).sum() / (t * t).sum()
    eps = s - 1
    return round(((eps * 2**mu) / (1 - len(p) ** -eps)) ** (1 / s)) + 1


@pytest.mark.parametrize("exponent, mu", [(1.5, 4.0), (1.1, 6.0), (0.8, 5.0), (3.0, 2.0)])
def test_mirostat_1_keeps_as_many_as_the_authors_code(exponent, mu):
    row = np.float32(-exponent * np.log(np.arange(1, 301)))
    got = kept(RUN(Mirostat(3.0, 1.0, 1), row, np.float32(mu)))
    assert got == list(range(min(authors_k(row.astype(np.float64), mu), 300)))


def test_mirostat_leaves_mu_alone_for_a_token_of_no_probability_and_when_off():
    row = jnp.array([0.0, -jnp.inf, -3e38])
    for sampler, state in ((Mirostat(2.0, 0.5), 4.0), (Mirostat(np.inf, 0.0), np.inf)):
        assert UPDATE(sampler, jnp.float32(state), row, 1) == state
        assert not np.isnan(UPDATE(sampler, jnp.float32(state), row, 2))


@pytest.mark.parametrize("version", [1, 2])
def test_mirostat_steers_the_average_surprise(version):
    row = np.float32(-1.1 * np.log(np.arange(1, 401)))
    bits = -np.log2(probabilities(row))
    assert (bits * probabilities(row)).sum() > 5  # the mean of draws without the filter
    tokens = drawn(Mirostat(3.0, 0.3, version), row, 400)
    # mu is bounded, so the mean of n surprises is within |mu| / (eta n) = .1 of tau.
    assert abs(bits[tokens].mean() - 3.0) < 0.1


def test_top_p_decay_by_hand():
    sampler, row = TopPDecay(0.8, 0.5, 0.3, reset=2), TENTHS
    state, masses = sampler.init(None, None), []
    for token in (0, 1, 3, 2, 0):
        masses.append(float(state))
        state = sampler.update(state, row, token)
    np.testing.assert_allclose([*masses, state], [0.8, 0.4, 0.3, 0.3, 0.8, 0.4])
    assert kept(sampler(row)) == [0, 1, 2]
    assert kept(sampler(row, jnp.float32(0.3))) == [0]


def test_top_p_decay_without_a_reset_never_resets():
    sampler = TopPDecay(0.8, 0.5)
    state = jnp.float32(0.8)
    for token in (0, 1, 2, 3):
        state = UPDATE(sampler, state, TENTHS, token)
    np.testing.assert_allclose(state, 0.05)


INFINITY = float("inf")
INFINITE = {
    "temperature": Temperature(INFINITY),
    "edt": EntropyTemperature(INFINITY, 0.5),
    "inverse edt": EntropyTemperature(INFINITY, -0.5, max_temperature=INFINITY),
    "dynamic": DynamicTemperature(INFINITY, INFINITY),
    "classes": ClassTemperature([INFINITY], np.zeros(4, int)),
}


@pytest.mark.parametrize("name", INFINITE)
def test_an_infinite_temperature_makes_kept_tokens_equally_likely(name):
    for row in (TENTHS, np.float32([1.0, 0.0, -np.inf, 2.0]), np.float32([1.0, -np.inf, 0, 0])):
        out = np.asarray(RUN(INFINITE[name], row, None))
        np.testing.assert_array_equal(out > -np.inf, row > -np.inf)
        np.testing.assert_allclose(out[row > -np.inf], 0.0, atol=1e-20)


def test_a_sure_row_is_greedy_even_at_an_infinite_t0():
    """The factor of t0 is 0 for such a row, and 0 times infinity is NaN."""
    out = RUN(EntropyTemperature(INFINITY, 0.5), np.float32([50, 0, 0, 0]), None)
    np.testing.assert_array_equal(out, [0, -np.inf, -np.inf, -np.inf])


NONSENSE = [
    lambda: DynamicTemperature(-0.1, 1.0),
    lambda: DynamicTemperature(0.5, float("nan")),
    lambda: DynamicTemperature(0.5, 1.0, -1.0),
    lambda: Quadratic(-1.0),
    lambda: Quadratic(1.0, 0.5),
    lambda: AdaptiveP(1.5),
    lambda: AdaptiveP(0.5, 1.5),
    lambda: Mirostat(-1.0, 0.1),
    lambda: Mirostat(3.0, -0.1),
    lambda: Mirostat(3.0, 0.1, 3),
    lambda: TopPDecay(1.5, 0.9),
    lambda: TopPDecay(0.5, 1.5),
    lambda: TopPDecay(0.5, 0.9, -0.1),
    lambda: TopPDecay(0.5, 0.9, 0.1, -2),
]


@pytest.mark.parametrize("make", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_raises(make):
    with pytest.raises(ValueError, match=" must be "):
        make()


SAMPLERS = {
    "temperature": Temperature(0.7),
    "edt": EntropyTemperature(0.8, 0.5),
    "classes": ClassTemperature([0.7, 0.0], np.arange(13) % 2),
    "dynamic": DynamicTemperature(0.5, 1.5, 0.7),
    "quadratic": Quadratic(0.3, 2.0),
    "adaptive_p": AdaptiveP(0.3),
    "mirostat": Mirostat(3.0, 0.1),
    "mirostat1": Mirostat(3.0, 0.1, 1),
    "p_decay": TopPDecay(0.9, 0.9),
}
EXTREMES = [0.0, 1.0, -1.0, 1e30, 1e-45, np.inf, -np.inf]


@jax.jit
def usable(sampler, numbers, rows):
    """Whether rows have a kept token, no NaN and finite gradients, for each choice of numbers."""

    def run(numbers, row):
        wild = iter(numbers)
        fill = lambda x: jnp.full_like(x, next(wild)) if x.dtype == jnp.float32 else x  # noqa: E731
        changed = jax.tree.map(fill, sampler)
        out = changed(row, changed.init(None, None))
        return jnp.sum(jax.nn.softmax(out) * jnp.linspace(0, 1, 13)), out

    def one(numbers, row):
        slopes, out = jax.grad(run, argnums=(0, 1), has_aux=True)(numbers, row)
        finite = jnp.all(jnp.isfinite(slopes[0])) & jnp.all(jnp.isfinite(slopes[1]))
        return finite & ~jnp.any(jnp.isnan(out)) & jnp.any(out > -jnp.inf)

    return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(numbers, rows)


@pytest.mark.parametrize("name", swept(SAMPLERS, ("edt", "dynamic", "adaptive_p", "mirostat")))
def test_extreme_numbers_leave_a_usable_row(name):
    rows = np.zeros((4, 13), np.float32)
    rows[1, 0], rows[2], rows[3, 1:] = 50, np.arange(13), -np.inf
    count = sum(np.asarray(x).dtype == np.float32 for x in jax.tree.leaves(SAMPLERS[name]))
    numbers = np.array(list(itertools.product(EXTREMES, repeat=count)), np.float32)
    fine = np.asarray(usable(SAMPLERS[name], numbers, rows))
    assert fine.all(), numbers[~fine.all(axis=1)][:5]


VALUES = st.one_of(st.floats(-30, 30, width=32), st.sampled_from([-np.inf, 3e38, -3e38]))
NUMBERS = st.one_of(st.floats(-2, 4, width=32), st.sampled_from([np.inf, -np.inf, 1e30]))


@pytest.mark.parametrize("name", swept(SAMPLERS, ("edt", "dynamic", "adaptive_p", "mirostat")))
@settings(max_examples=25, deadline=None)
@given(
    row=st.lists(VALUES, min_size=12, max_size=12),
    best=st.floats(-30, 30, width=32),
    numbers=st.lists(NUMBERS, min_size=4, max_size=4),
    memory=st.floats(-100, 100, width=32),
)
def test_any_row_and_any_traced_number_leave_a_usable_row(name, row, best, numbers, memory):
    row, wild = np.float32([*row, best]), iter(numbers)
    sampler = jax.tree.map(
        lambda x: jnp.full_like(x, next(wild)) if x.dtype == np.float32 else x, SAMPLERS[name]
    )
    state = jax.tree.map(
        lambda x: jnp.asarray(memory).astype(x.dtype), SAMPLERS[name].init(None, None)
    )
    out = np.asarray(RUN(sampler, row, state))
    assert not np.isnan(out).any() and (out < np.inf).all() and kept(out)
    assert (out[row == -np.inf] == -np.inf).all()
    if sampler.kind == "order":
        assert np.argmax(row) in kept(out)
    for leaf in jax.tree.leaves(UPDATE(sampler, state, row, int(np.argmax(row)))):
        assert not np.isnan(leaf)
