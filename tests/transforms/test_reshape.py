"""The line that bends at knots: its special cases, its rounding and its gradients."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import MinP, Reshape, Temperature, TopP, chain, draw, sample
from jaxsample.interop import from_dict, to_dict
from tests.oracles.temperature import reshape
from tests.rows import VALID, apply, bits

KNOTS = 1.0, 2.0, 4.0, 8.0
ROWS = np.stack(list(VALID.values()))


@pytest.mark.parametrize("t", [1.0, 0.7, 3.0])
def test_equal_slopes_are_a_temperature_bit_for_bit(t):
    """The identity is T = 1; the row whose result overflows is dropped by a temperature alone."""
    rows = ROWS[[name not in ("huge", "huge and alone") for name in VALID]]
    got = apply(Reshape(np.full(5, np.float32(1) / np.float32(t))), rows)
    np.testing.assert_array_equal(bits(got), bits(apply(Temperature(t), rows)))


def test_a_steep_last_slope_leaves_the_tokens_of_min_p():
    row = jnp.asarray(VALID["mild"])
    cut = jax.nn.softmax(Reshape([1.0, 1e5], [1.1])(row))
    kept = MinP(float(np.exp(-1.1)))(row) > -jnp.inf
    np.testing.assert_array_equal(cut > 1e-6, kept)


@jax.jit
def bent(slopes, values):
    return jax.vmap(lambda s: Reshape(s)(values))(slopes)


def test_it_never_falls_from_one_float32_to_the_next():
    """Around each knot, near 0 and far below, for slopes of every size."""
    rng = np.random.default_rng(0)
    near = [np.float32(-k) for k in (*KNOTS, 0.0, 1e-3, 3e4, 1e30)]
    values = [np.float32(0)]
    for value in near:
        for towards in (-np.inf, 0.0):
            x = value
            for _ in range(40):
                x = np.nextafter(x, np.float32(towards))
                values.append(min(x, np.float32(0)))
    values = np.sort(np.array(values, np.float32))
    slopes = np.exp(3 * rng.standard_normal((200, 5))).astype(np.float32)
    slopes[rng.random(slopes.shape) < 0.2] = 0.0
    slopes[rng.random(slopes.shape) < 0.1] = 1e6
    slopes[rng.random(slopes.shape) < 0.1] = 1e-8  # its segment is flat but for rounding
    slopes[0] = 1.8459421396, 1.1336755753, 0.0376600362, 1.11243708e-8, 0.0132850753
    got = np.asarray(bent(slopes, values))
    assert (np.diff(got, axis=1) >= 0).all() and (got[:, -1] == 0).all()
    assert np.isfinite(got).all()


def test_products_and_sums_round_one_by_one():
    """A compiler that fuses them changes 30% of these numbers, and not in every program alike."""
    values = -np.abs(np.random.default_rng(2).standard_normal(3000)).astype(np.float32)
    values[0] = 0.0
    before, slope, knot = np.float32(0.7), np.float32(1.7), np.float32(0.3)
    expected = np.where(values < -knot, slope * values + (slope - before) * knot, before * values)
    expected = np.where(values < -knot, np.minimum(expected, before * -knot), expected)
    got = apply(Reshape([before, slope], (float(knot),)), values[None])[0]
    np.testing.assert_array_equal(bits(got), bits(expected))


def test_a_slope_of_0_ties_its_segment_and_traced_nonsense_counts_as_a_bound():
    values = np.float32([0.0, -0.5, -1.0, -1.5, -9.0, -np.inf])
    slopes = np.float32([[1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [-3, 1, 1, 1, 1], [1, 1, 1, 1, np.inf]])
    slopes = np.concatenate([slopes, [[1, 1, np.nan, 1, 1]]])
    got = np.asarray(bent(slopes, values))
    np.testing.assert_array_equal(got[0], [0, -0.5, -1, -1, -1, -np.inf])
    np.testing.assert_array_equal(got[1], [0, 0, 0, 0, 0, -np.inf])
    np.testing.assert_array_equal(got[2], [0, 0, 0, -0.5, -8, -np.inf])
    np.testing.assert_array_equal(got[3], [0, -0.5, -1, -1.5, -8 - 1e6, -np.inf])
    assert np.isnan(got[4]).all()


@pytest.mark.parametrize("slopes", [(1.0,) * 5, (0.5, 2.0, 0.0, 1e-9, 3.0), (0.0,) * 5])
def test_gradients_equal_differences_of_the_oracle(slopes):
    """Also at the bound 0, where the difference is taken upwards."""
    row, token, step = np.float32([3.0, 1.7, 1.5, 0.0, -2.5, -6.0, -7.0]), 4, 1e-5

    def loss(s, row):
        return jax.nn.log_softmax(Reshape(s)(row))[token]

    def expected(slopes, row):
        out = reshape(slopes, KNOTS)(row)
        return out[token] - np.log(np.exp(out).sum())

    by_slope, by_logit = jax.jit(jax.grad(loss, (0, 1)))(jnp.array(slopes), row)
    base = expected(slopes, row)
    for i in range(5):
        moved = [s + step * (j == i) for j, s in enumerate(slopes)]
        # A step of 1e-5 is rounded to float32 at a slope of 1, so it is divided by its own size.
        step_taken = float(np.float32(moved[i])) - float(np.float32(slopes[i]))
        difference = (expected(moved, row) - base) / step_taken
        assert by_slope[i] == pytest.approx(difference, abs=2e-4)
    for i in range(1, len(row)):
        wide = row.astype(np.float64)
        wide[i] += step
        assert by_logit[i] == pytest.approx((expected(slopes, wide) - base) / step, abs=2e-4)


@pytest.mark.parametrize(
    "cut", [MinP(0.02), pytest.param(TopP(0.95), marks=pytest.mark.slow)], ids=["min-p", "top-p"]
)
def test_sample_draws_what_whole_rows_draw_with_slopes_per_row(cut):
    """5000 tokens, of which the fast path reads 64; a last slope near 0 sends it to the tail."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((24, 5000)) * np.exp(rng.standard_normal((24, 1)))
    slopes = np.exp(rng.standard_normal((24, 5))).astype(np.float32)
    slopes[::3, -1] = 0.0
    keys = jax.random.split(jax.random.key(1), 24)

    @jax.jit
    def both(slopes):
        def one(key, row, slopes):
            sampler = chain(Reshape(slopes), cut)
            return sample(key, row, sampler), draw(key, sampler(row))

        return jax.vmap(one)(keys, jnp.float32(rows), slopes)

    np.testing.assert_array_equal(*both(slopes))


def test_gradients_of_knots_equal_differences_of_the_oracle():
    row, step = np.float32([3.0, 1.7, 0.4, -2.5, -7.0]), 1e-3
    slopes, knots = [0.5, 2.0, 3.0], [1.0, 4.0]

    def loss(knots):
        return jax.nn.log_softmax(Reshape(slopes, knots)(row))[3]

    def expected(knots):
        out = reshape(slopes, knots)(row)
        return out[3] - np.log(np.exp(out).sum())

    got = jax.jit(jax.grad(loss))(jnp.array(knots))
    for i in range(2):
        up, down = (np.array(knots) + side * step * np.eye(2)[i] for side in (1, -1))
        # No logit lies within a step of a knot, so the oracle is smooth there.
        assert got[i] == pytest.approx((expected(up) - expected(down)) / (2 * step), abs=1e-4)


def test_traced_knots_out_of_order_count_as_the_one_before():
    row = jnp.array([0.0, -0.5, -3.0, -9.0])

    def at(knots):
        return jax.jit(lambda knots: Reshape([1.0, 2.0, 3.0], knots)(row))(jnp.array(knots))

    np.testing.assert_array_equal(at([2.0, 1.0]), at([2.0, 2.0]))
    np.testing.assert_array_equal(at([-1.0, 1.0]), at([0.0, 1.0]))
    assert jnp.isfinite(at([1.0, jnp.inf])).all() and jnp.isnan(at([jnp.nan, 1.0])).all()


def test_it_is_written_and_read():
    sampler = Reshape([1.0, 2.0], [1.5])
    assert from_dict(json.loads(json.dumps(to_dict(sampler)))) == sampler
    read = from_dict({"transform": "Reshape", "slopes": [1, 1, 1, 1, 1]})
    assert read.knots.tolist() == [*KNOTS]


def test_what_makes_no_sense_is_refused_by_name():
    with pytest.raises(ValueError, match="slopes must be >= 0, got -0.5"):
        Reshape([1.0, -0.5], [1.0])
    for knots in ([2.0, 1.0], [0.0], [1.0, np.inf], [np.nan]):
        with pytest.raises(ValueError, match="knots must be finite and increase from above 0"):
            Reshape(np.ones(len(knots) + 1), knots)
    with pytest.raises(ValueError, match=r"slopes \[N \+ 1\], got shapes \[4\] and \[2\]"):
        Reshape([1.0, 1.0])(jnp.zeros(3))
