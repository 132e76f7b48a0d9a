"""Laws of every transform of the table on every row."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import EntropyTemperature, MinP, Temperature, TopK, TopP, chain
from tests.rows import BANK, HIDDEN, INFINITE, INVALID, NAMES, VALID, V, apply, bits, outputs
from tests.table import ATOMS, CASES, ORDER, cases, structures, swept

ROWS = np.stack(list(VALID.values()))
# Rows whose edge is closer than this share of the mass are not compared, because of rounding.
EDGE = 1e-5
# Below this a probability is 0 in float32 and float64, so -inf and finite values are equal.
NOTHING = -1e5


RUN = jax.jit(lambda sampler, row: sampler(row))


def in_range(rows):
    """A difference that overflows float32 may be -inf or the lowest float32."""
    lowest = np.finfo(np.float32).min
    return np.where(rows <= lowest, lowest, rows)


def kept(rows):
    return rows > -np.inf


def clear(case, row):
    """Whether the oracle's answer does not change if its edges move by EDGE."""
    low, here, high = (case.oracle(row, nudge) for nudge in (-EDGE, 0.0, EDGE))
    same = (kept(low) == kept(here)).all() and (kept(high) == kept(here)).all()
    close = (
        [np.allclose(side, here, rtol=5e-6, atol=0) for side in (low, high)] if same else [False]
    )
    return all(close)


def rounding(case, row):
    """The rounding of sums with a large logit, for every term."""
    return case.terms * 2.0**-23 * min(np.abs(row).max(initial=1.0), 1e6)


@cases(CASES)
def test_equals_the_float64_oracle(case):
    judged = 0
    for name, row, got in zip(VALID, ROWS, outputs(case)[0], strict=False):
        if not clear(case, row):
            continue
        judged += 1
        if case.empties(row):
            assert np.isnan(got).all(), f"{name}: a row without tokens must be invalid"
            continue
        expected = case.oracle(row)
        dropped = expected == -np.inf
        assert (got[dropped] == -np.inf).all(), f"{name}: tokens the oracle drops were kept"
        assert (got[expected < NOTHING] < NOTHING / 2).all(), name
        alive = expected >= NOTHING
        assert kept(got[alive]).all(), f"{name}: tokens the oracle keeps were dropped"
        near = max(case.near, rounding(case, row[alive]) if case.kind == "token" else 0.0)
        np.testing.assert_allclose(
            got[alive], expected[alive], rtol=case.tolerance, atol=near, err_msg=name
        )
    assert judged >= len(ROWS) // 2, "the oracle judged too few rows for this test to mean anything"


@cases(CASES)
def test_probabilities_equal_the_oracle(case):
    for name, row, got in zip(VALID, ROWS, outputs(case)[0], strict=False):
        if clear(case, row) and not case.empties(row):
            expected = case.oracle(row)
            total = np.exp(expected - expected.max())
            mine = np.exp(got.astype(np.float64) - got.max())
            # A relative error of 1e-5 in a logit of -100 is 1e-3 in a probability, which is tiny.
            added = case.kind != "order"
            rtol = 2e-4 + (2 * rounding(case, row[kept(expected)]) if added else 0.0)
            np.testing.assert_allclose(
                mine / mine.sum(), total / total.sum(), rtol=rtol, atol=2e-6, err_msg=name
            )


@pytest.mark.parametrize("seed", swept(range(2), [0]))
def test_a_whole_vocabulary_equals_the_oracle(seed):
    case = next(case for case in CASES if case.id == "t-k-p")
    row = np.float32(2 * np.random.default_rng(seed).standard_normal(50257))
    assert clear(case, row)
    np.testing.assert_array_equal(kept(RUN(case.sampler, row)), kept(case.oracle(row)))


@cases(CASES)
def test_vmap_equals_a_loop_of_rows(case):
    batched, looped = outputs(case)
    if case.tolerance < 1e-6:
        np.testing.assert_array_equal(batched, looped)
    else:  # an entropy or a matrix product may use another order of summation
        np.testing.assert_allclose(batched, looped, rtol=case.tolerance, atol=case.near)


@structures(CASES)
def test_jit_equals_eager(case):
    i = NAMES.index("masked")
    eager = np.asarray(case.sampler(jnp.asarray(BANK[i]), case.state, HIDDEN))
    np.testing.assert_array_equal(kept(eager), kept(outputs(case)[0][i]))
    np.testing.assert_allclose(eager, outputs(case)[0][i], rtol=case.tolerance, atol=case.near)


@cases(CASES)
def test_nothing_is_revived_and_valid_rows_hold_no_nan(case):
    usable = np.array([not case.empties(row) for row in ROWS])
    got = outputs(case)[0][: len(VALID)][usable]
    assert not np.isnan(got).any()
    assert not (got == np.inf).any()
    assert (got[ROWS[usable] == -np.inf] == -np.inf).all()


@cases(ORDER)
def test_the_maximum_survives(case):
    for name, row, got in zip(VALID, ROWS, outputs(case)[0], strict=False):
        assert kept(got[row == row.max()]).all(), name
        assert (got[row == row.max()] == got.max()).all(), name


@cases([case for case in CASES if case.filters])
def test_a_filter_leaves_kept_logits_untouched(case):
    got = outputs(case)[0][: len(VALID)]
    np.testing.assert_array_equal(bits(got)[kept(got)], bits(ROWS)[kept(got)])


@cases(ORDER)
def test_order_is_kept(case):
    """The order of tokens is kept, and equal logits stay equal."""
    for name, row, got in zip(VALID, ROWS, outputs(case)[0], strict=False):
        for value in np.unique(row):
            assert len(np.unique(got[row == value])) == 1, f"{name}: equal logits differ"
        largest_first = got[np.argsort(-row, kind="stable")]
        assert (largest_first[1:] <= largest_first[:-1]).all(), name


@cases(ORDER)
def test_permuting_the_vocabulary_permutes_the_result(case):
    permutation = np.random.default_rng(0).permutation(V)
    straight = outputs(case)[0][: len(VALID)]
    permuted = apply(case.sampler, ROWS[:, permutation], case.state)
    for name, row, a, b in zip(VALID, ROWS, straight[:, permutation], permuted, strict=True):
        if clear(case, row):
            np.testing.assert_array_equal(kept(a), kept(b), err_msg=name)
            np.testing.assert_allclose(a, b, rtol=case.tolerance, err_msg=name)


# Without optimisations XLA gives one of two equal sigmoids of SoftTopP another last bit.
@pytest.mark.optimised
@cases([case for case in CASES if case.neutral is not None])
def test_the_neutral_value_is_the_identity(case):
    got = apply(case.neutral, ROWS, case.state)
    if not case.shifts:
        np.testing.assert_array_equal(bits(got), bits(ROWS))
    else:
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(
                in_range(got), in_range(ROWS - ROWS.max(1, keepdims=True))
            )


@cases(ORDER)
def test_invalid_rows_are_all_nan(case):
    got = outputs(case)[0][len(VALID) + len(INFINITE) :]
    for name, row in zip(INVALID, got, strict=True):
        assert np.isnan(row).all(), name


@cases(ORDER)
def test_an_infinite_maximum_is_all_that_is_left(case):
    got = outputs(case)[0][len(VALID) : len(VALID) + len(INFINITE)]
    for (name, row), out in zip(INFINITE.items(), got, strict=True):
        np.testing.assert_array_equal(out, np.where(row == np.inf, 0.0, -np.inf), err_msg=name)


@cases([case for case in ATOMS if case.id.startswith(("top_k", "min_p"))])
def test_applied_twice_is_applied_once(case):
    once = outputs(case)[0][: len(VALID)]
    np.testing.assert_array_equal(bits(apply(case.sampler, once)), bits(once))


NONSENSE = {
    "temperature": (Temperature(1.0), [0.0, 1e-38, np.inf]),
    "top_k": (TopK(1), [-5, 0, 1, 2**31 - 1]),
    "top_p": (TopP(1.0), [-1.0, -0.0, 1e-30, 1.5, np.inf, -np.inf]),
    "min_p": (MinP(1.0), [0.0, -0.0, 1e-45, 1.5, np.inf]),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_no_value_raises_empties_a_row_or_makes_nan(name):
    """Traced values are not checked, so every number must leave a usable row."""
    sampler, values = NONSENSE[name]
    for value in values:
        cast = jax.tree.map(lambda leaf, v=value: jnp.asarray(v, jnp.asarray(leaf).dtype), sampler)
        got = apply(cast, ROWS)
        assert not np.isnan(got).any(), value
        assert kept(got[ROWS == ROWS.max(1, keepdims=True)]).all(), value


@structures(CASES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_float32_out_whatever_comes_in(case, dtype):
    out = jax.eval_shape(
        lambda s, x: s(x, case.state, HIDDEN), case.sampler, jax.ShapeDtypeStruct((V,), dtype)
    )
    assert (out.dtype, out.shape, out.weak_type) == (jnp.float32, (V,), False)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_narrow_logits_mean_their_float32_values(dtype):
    """Sums in bfloat16 would be wrong, so everything is computed in float32."""
    sampler = chain(EntropyTemperature(1.0, 0.2), TopP(0.95))
    narrow = "float32" if dtype == "float64" else dtype  # no float64 in jax without x64
    row = np.asarray(jnp.asarray(VALID["mild"], narrow)).astype(dtype)
    got, expected = RUN(sampler, row), RUN(sampler, row.astype(np.float32))
    np.testing.assert_array_equal(got, expected)


def test_numpy_float64_rows_are_accepted():
    got = MinP(0.3)(np.array([1.0, 3.0, 2.0]))
    assert got.dtype == jnp.float32
    np.testing.assert_array_equal(got, [-np.inf, 3.0, 2.0])
