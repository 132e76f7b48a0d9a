"""XTC: the dropped tokens, and the chance of dropping them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxsample import XTC, Temperature, chain, generate
from tests.decode.models import TABLE, TABLE_PARAMS, V, slow
from tests.statistics import FALSE_ALARM

FOURTHS = np.float32(np.log([0.4, 0.3, 0.2, 0.1]))
RUN = jax.jit(lambda sampler, row, state: sampler(row, state))
STATE = XTC(0.1, 0.5).init(jax.random.key(4), None)


def kept(row, threshold, probability=1.0):
    out = RUN(XTC(threshold, probability), np.float32(row), STATE)
    return np.flatnonzero(np.asarray(out) > -np.inf).tolist()


@pytest.mark.parametrize(
    "p, threshold, expected",
    [
        ([0.4, 0.3, 0.2, 0.1], 0.15, [2, 3]),
        ([0.4, 0.3, 0.2, 0.1], 0.05, [3]),
        ([0.4, 0.3, 0.2, 0.1], 0.0, [3]),
        ([0.4, 0.3, 0.2, 0.1], 0.35, [0, 1, 2, 3]),  # a single choice is not dropped
        ([0.4, 0.3, 0.2, 0.1], 0.51, [0, 1, 2, 3]),
        ([0.3, 0.3, 0.2, 0.2], 0.15, [2, 3]),  # the least likely tokens are tied, and both stay
        ([0.3, 0.3, 0.2, 0.2], 0.25, [0, 1, 2, 3]),  # all choices are tied
        ([0.25, 0.25, 0.25, 0.25], 0.1, [0, 1, 2, 3]),
        ([1.0, 0.0, 0.0, 0.0], 0.1, [0]),
    ],
)
def test_all_choices_but_the_least_likely_go(p, threshold, expected):
    with np.errstate(divide="ignore"):
        row = np.log(p)
    assert kept(row, threshold) == np.flatnonzero(np.isin(np.arange(4), expected)).tolist()
    assert kept(row, threshold, 0.0) == np.flatnonzero(np.isfinite(row)).tolist()


@pytest.mark.parametrize(
    "keep, spare, expected",
    [
        ([0], "tokens", [0, 3]),
        ([0, 2], "tokens", [0, 2, 3]),
        ([3], "tokens", [3]),  # the least likely choice stays anyway
        ([7], "tokens", [3]),  # no token of the vocabulary
        ([0], "row", [0, 1, 2, 3]),
        ([3], "row", [3]),
    ],
)
def test_kept_tokens_count_as_choices_and_stay(keep, spare, expected):
    for probability, those in ((1.0, expected), (0.0, [0, 1, 2, 3])):
        out = RUN(XTC(0.05, probability, keep, spare), FOURTHS, STATE)
        assert np.flatnonzero(np.asarray(out) > -np.inf).tolist() == those


def test_keep_and_spare_are_checked():
    with pytest.raises(ValueError, match="XTC: keep .* -1"):
        XTC(0.1, 0.5, [-1])
    with pytest.raises(ValueError, match="spare must be one of .*got 'all'"):
        XTC(0.1, 0.5, [2], "all")
    assert repr(XTC(0.1, 0.5, keep=2)) == "XTC(threshold=0.1, probability=0.5, keep=(2,))"
    assert XTC(0.1, 0.5, [2, 1]) == XTC(0.1, 0.5, (2, 1)) != XTC(0.1, 0.5)


def test_a_state_or_a_key_is_needed():
    with pytest.raises(ValueError, match="key"):
        XTC(0.1, 0.5)(FOURTHS)
    with pytest.raises(ValueError, match="key"):
        XTC(0.1, 0.5).init(None, None)
    with pytest.raises(ValueError, match="key"):
        chain(Temperature(0.5), XTC(0.1, 0.5))(FOURTHS)
    with pytest.raises(ValueError, match="key"):
        XTC(0.1, 0.5).update(None, FOURTHS, jnp.int32(0))


def test_no_number_leaves_a_row_empty():
    for threshold in (-1.0, 1.5, np.inf, -np.inf):
        for probability in (-1.0, 1.5, np.inf):
            assert kept(FOURTHS, jnp.float32(threshold), jnp.float32(probability))
    for bad in ((np.nan, 0.5), (0.1, np.nan)):
        assert np.isnan(RUN(XTC(*map(jnp.float32, bad)), FOURTHS, STATE)).all()


@jax.jit
def acted(seeds, steps, probability):
    """Whether the sampler dropped tokens, for each row and step."""

    def one(seed, n):
        words, _ = XTC(0.15, 0.5).init(jax.random.key(seed), None)
        return XTC(0.15, probability)(FOURTHS, (words, n))[0] == -jnp.inf

    return jax.vmap(lambda seed: jax.vmap(lambda n: one(seed, n))(steps))(seeds)


STEPS = jnp.arange(200, dtype=jnp.int32)


@pytest.mark.parametrize("probability", [0.01, 0.3, 0.5, 0.97])
def test_it_acts_as_often_as_it_is_told(probability):
    hits = np.asarray(acted(jnp.arange(50), STEPS, jnp.float32(probability)))
    assert stats.binomtest(int(hits.sum()), hits.size, probability).pvalue > FALSE_ALARM


def test_rows_and_steps_draw_apart():
    hits = np.asarray(acted(jnp.arange(50), STEPS, jnp.float32(0.5))).astype(float)
    assert np.unique(hits, axis=0).shape == np.unique(hits, axis=1).shape == (50, 200)
    # Half of 9,950 and 9,800 pairs agree, with a deviation of 50; the limit is five deviations.
    assert abs((hits[:, 1:] == hits[:, :-1]).sum() - 4975) < 250
    assert abs((hits[1:] == hits[:-1]).sum() - 4900) < 250


def test_the_chance_does_not_depend_on_how_a_key_is_made():
    for impl in ("threefry2x32", "rbg"):
        key = jax.random.key(4, impl=impl)
        words = XTC(0.1, 0.5).init(key, None)[0]
        assert (words.shape, words.dtype) == ((2,), jnp.uint32)
    legacy = jax.random.PRNGKey(4)
    np.testing.assert_array_equal(XTC(0.1, 0.5).init(legacy, None)[0], STATE[0])


def test_generate_equals_a_loop_over_its_tokens():
    """Rows of different lengths, each with the random numbers of its own key and step."""
    sampler = chain(Temperature(0.7), XTC(0.05, 0.5))
    prompts, eos = np.array([[3], [9], [17], [20]]), (1, 2, 5, 8)
    key = jax.random.key(6)
    out = generate(
        key, TABLE, TABLE_PARAMS, prompts, sampler, max_new_tokens=12, eos=eos, record=("kept",)
    )
    lengths = []
    for b, prompt in enumerate(prompts):
        tokens, _, sizes = slow(
            jax.random.fold_in(key, b), TABLE_PARAMS, prompt, sampler, count=12, max_length=13,
            eos=eos,
        )  # fmt: skip
        lengths.append(len(tokens))
        assert out.tokens[b, : len(tokens)].tolist() == tokens
        assert out.kept[b, : len(tokens)].tolist() == sizes
        assert out.decoding.state[1][1][b] == len(tokens)
    assert out.lengths.tolist() == lengths and min(lengths) < 12
    assert len(set(np.asarray(out.kept).ravel().tolist()) - {0, V}) > 0, "it never acted"
