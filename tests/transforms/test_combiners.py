"""Combiners, compared with float64 oracles and with transformers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxsample import Contrast, Guidance, KLTemperature, combine, partition, stack
from tests.oracles import combiners as oracles
from tests.rows import BANK, INVALID, NAMES, VALID, V, bits

RNG = np.random.default_rng(4)
# Pairs of rows, also with -inf in the second row only.
OTHERS = np.roll(BANK[: len(VALID)], 5, axis=0)
ROWS = BANK[: len(VALID)]
CASES = {
    "guidance": (Guidance, oracles.guidance, [(0.0,), (1.0,), (2.5,), (-0.5,)]),
    "kl": (KLTemperature, oracles.kl_temperature, [(1.0, 1.0), (0.7, np.inf), (0.0, 2.0)]),
    "contrast": (Contrast, oracles.contrast, [(0.1,), (0.0,), (1.0,)]),
}
RUN = jax.jit(jax.vmap(lambda s, c, u: s(c, u), in_axes=(None, 0, 0)))
# Rows small enough for a relative error of 1e-5.
TAME = [i for i, (c, u) in enumerate(zip(ROWS, OTHERS, strict=True))
        if all(np.abs(r[r > -np.inf]).max() < 600 for r in (c, u))]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_equals_the_float64_oracle(name):
    make, oracle, settings = CASES[name]
    for values in settings:
        got = np.asarray(RUN(make(*values), ROWS, OTHERS))
        assert not np.isnan(got).any() and not (got == np.inf).any()
        assert (got[ROWS == -np.inf] == -np.inf).all()
        assert (got > -np.inf).any(axis=1).all()
        for i in TAME:
            expected = oracle(*values)(ROWS[i], OTHERS[i])
            alive = expected > -1e5
            assert (got[i][~alive] < -5e4).all(), NAMES[i]
            # Differences of numbers below 1000, whose divergence is in the exponent of T.
            np.testing.assert_allclose(
                got[i][alive], expected[alive], rtol=2e-4, atol=2e-4, err_msg=NAMES[i]
            )


def test_neutral_values():
    row, other = ROWS[1], OTHERS[1]
    logprobs = np.asarray(Guidance(1.0)(row, other))
    np.testing.assert_array_equal(bits(logprobs), bits(Guidance(1.0)(row, ROWS[2])))
    np.testing.assert_allclose(logprobs, jax.nn.log_softmax(row), atol=1e-6)
    np.testing.assert_array_equal(KLTemperature(1.0, np.inf)(row, other), row - row.max())
    np.testing.assert_array_equal(np.isfinite(Contrast(1.0)(row, other)), row == row.max())


def test_a_token_ruled_out_without_the_condition_is_preferred_and_finite():
    c, u = np.log([0.5, 0.25, 0.25]), np.float32([0.0, 0.0, -np.inf])
    for combiner in (Guidance(2.0), Contrast(0.1)):
        out = np.asarray(combiner(c, u))
        assert np.argmax(out) == 2 and np.isfinite(out).all()
    # At least 25 nats above the others.
    cold = KLTemperature(1.0, 10.0)(c, u)
    np.testing.assert_allclose(cold[1], np.log(0.5) * 2 ** (oracles.divergence(c, u) / 10), 1e-5)


@pytest.mark.parametrize("name", CASES)
def test_an_invalid_row_on_either_side_is_all_nan(name):
    make, _, settings = CASES[name]
    bad, good = BANK[-len(INVALID) :], ROWS[: len(INVALID)]
    for c, u in ((bad, good), (good, bad)):
        assert np.isnan(RUN(make(*settings[0]), c, u)).all()


@pytest.mark.parametrize("name", CASES)
def test_no_value_raises_or_makes_nan(name):
    make, _, settings = CASES[name]
    for value in (-np.inf, -1.0, 0.0, 1e-40, 3e38, np.inf):
        nonsense = jax.tree.map(lambda _, v=value: jnp.float32(v), make(*settings[0]))
        got = np.asarray(RUN(nonsense, ROWS, OTHERS))
        assert not np.isnan(got).any() and not (got == np.inf).any(), value


WEIGHTS = jnp.asarray(RNG.standard_normal(V), jnp.float32)


@jax.jit
def gradients(combiner, c, u):
    trainable, rest = partition(combiner)

    def loss(t, c, u):
        return jnp.sum(jax.nn.softmax(combine(t, rest)(c, u)) * WEIGHTS)

    return jax.vmap(jax.grad(loss, argnums=(0, 1, 2)), in_axes=(None, 0, 0))(trainable, c, u)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_finite(name):
    make, _, settings = CASES[name]
    for values in settings:
        for leaf in jax.tree.leaves(gradients(make(*values), ROWS, OTHERS)):
            assert np.isfinite(leaf).all(), values


LOGITS = st.lists(st.floats(-20, 20, width=32), min_size=8, max_size=8)


@settings(max_examples=40, deadline=None)
@given(LOGITS, LOGITS, st.floats(0, 1, width=32), st.integers(0, 7))
def test_laws_of_any_two_rows(c, u, x, hole):
    c, u = np.float32(c)[None], np.float32(u)[None]
    c[0, hole] = -np.inf
    for combiner in (Guidance(3 * x), KLTemperature(x, 1.0), Contrast(x)):
        out = np.asarray(RUN(combiner, c, u))[0]
        assert out[hole] == -np.inf and np.isfinite(out).any()
        assert (out < np.inf).all()  # False for NaN too
        # A shift of a row does not change its distribution. Use a grid, where the shift is exact,
        # because near T = 0 the last bit of a logit matters.
        even, other = np.round(c * 1024) / 1024, np.round(u * 1024) / 1024
        out = np.asarray(RUN(combiner, even, other))[0]
        moved = np.asarray(RUN(combiner, even + np.float32(8), other - np.float32(4)))[0]
        close = np.isfinite(out) & np.isfinite(moved)
        np.testing.assert_allclose(np.exp(out[close]), np.exp(moved[close]), rtol=1e-2, atol=1e-3)
    equal = np.asarray(RUN(KLTemperature(1.0, 0.1), c, c))[0]
    np.testing.assert_allclose(equal, c[0] - c.max(), rtol=1e-4)
    cooled = np.asarray(RUN(KLTemperature(1.0, 1.0), c, u))[0]
    assert (cooled[c[0] > -np.inf] <= (c - c.max())[0][c[0] > -np.inf] + 1e-5).all()


def test_every_row_may_have_a_combiner_of_its_own():
    many = stack([Guidance(1.0), Guidance(2.0)])
    got = jax.vmap(lambda s, c, u: s(c, u))(many, ROWS[:2], OTHERS[:2])
    for b, scale in enumerate((1.0, 2.0)):
        np.testing.assert_allclose(got[b], Guidance(scale)(ROWS[b], OTHERS[b]), rtol=1e-5)


def test_combiners_are_trees_of_numbers():
    assert repr(KLTemperature(0.7, 2)) == "KLTemperature(temperature=0.7, sigma=2.0)"
    assert {leaf.dtype for leaf in jax.tree.leaves(KLTemperature(1, 2))} == {np.dtype("float32")}
    for leaf in (0, -1.0, None, object()):
        jax.tree.map(lambda _, x=leaf: x, Guidance(1.0))
    assert float(Guidance(1.0).replace(scale=3).scale) == 3.0
    for make in (
        lambda: Guidance(float("nan")),
        lambda: Guidance(np.inf),
        lambda: KLTemperature(-1.0, 1.0),
        lambda: KLTemperature(1.0, 0.0),
        lambda: Contrast(1.5),
        lambda: Contrast("0.5"),
        lambda: Guidance(1.0).replace(alpha=1.0),
        lambda: Guidance(1.0)(jnp.zeros(3), jnp.zeros(4)),
    ):
        with pytest.raises(ValueError):
            make()
    with pytest.raises(ValueError, match=r"jax\.vmap"):
        Guidance(1.0)(jnp.zeros((2, 3)), jnp.zeros((2, 3)))


def test_transformers_guides_the_same_way():
    torch = pytest.importorskip("torch")
    processors = pytest.importorskip("transformers.generation.logits_process")
    c, u = (torch.from_numpy(RNG.standard_normal((1, 16)).astype(np.float32)) for _ in "cu")

    class Constant(torch.nn.Module):
        def forward(self, *args, **kwargs):
            return type("Output", (dict,), {"logits": u[:, None]})(past_key_values=None)

    for scale in (0.5, 1.0, 3.0):
        guide = processors.UnbatchedClassifierFreeGuidanceLogitsProcessor(
            scale, Constant(), unconditional_ids=torch.zeros((1, 1), dtype=torch.long)
        )
        theirs = guide(torch.zeros((1, 1), dtype=torch.long), c)[0].numpy()
        ours = Guidance(scale)(c[0].numpy(), u[0].numpy())
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
