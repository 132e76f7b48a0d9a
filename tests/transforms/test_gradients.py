"""Gradients are finite everywhere, and equal to central differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import EntropyTemperature, Temperature, TopK, TopP, chain, combine, partition
from tests.oracles.common import compose
from tests.oracles.temperature import entropy_temperature, temperature
from tests.oracles.truncation import top_k
from tests.rows import HIDDEN, NAMES, VALID, V, outputs
from tests.table import CASES, cases, structures

ROWS = np.stack(list(VALID.values()))
WEIGHTS = jnp.asarray(np.random.default_rng(11).standard_normal(V), jnp.float32)


def loss(logits):
    """A bounded loss with a gradient through every likely token and through the best one."""
    return (
        jnp.sum(jax.nn.softmax(logits) * WEIGHTS) + jax.nn.log_softmax(logits)[jnp.argmax(logits)]
    )


by_output = jax.jit(jax.vmap(jax.value_and_grad(loss)))


@jax.jit
def pulled(sampler, state, rows, hidden, by_output):
    """Pull the gradients `by_output` of the transformed rows back to leaves and rows."""
    trainable, rest = partition(sampler)

    def one(row, cotangent):
        _, pull = jax.vjp(lambda t, x: combine(t, rest)(x, state, hidden), trainable, row)
        return pull(cotangent)

    return jax.vmap(one)(rows, by_output)


def gradients(case):
    values, cotangents = by_output(outputs(case)[0][: len(ROWS)])
    return values, pulled(case.sampler, case.state, ROWS, HIDDEN, cotangents)


@cases(CASES)
def test_gradients_are_finite(case):
    values, (by_leaf, by_logit) = gradients(case)
    for i, (name, row) in enumerate(VALID.items()):
        if case.empties(row):  # an invalid row has no loss
            continue
        assert np.isfinite(values[i]), name
        assert np.isfinite(by_logit[i]).all(), f"{name}: logits"
        for path, leaf in jax.tree.leaves_with_path(by_leaf):
            assert np.isfinite(leaf[i]).all(), f"{name}: {jax.tree_util.keystr(path)}"


@cases([case for case in CASES if case.id.startswith(("top_p", "min_p"))])
def test_a_hard_filter_has_no_gradient_in_its_own_parameter(case):
    _, (by_leaf, _) = gradients(case)
    (leaf,) = jax.tree.leaves(by_leaf)
    np.testing.assert_array_equal(leaf, 0.0)


@structures([case for case in CASES if case.filters])
def test_a_filter_passes_the_gradient_of_kept_logits_and_stops_the_rest(case):
    keeps = np.isfinite(outputs(case)[0][: len(ROWS)])
    passed = np.where(keeps, WEIGHTS, 0.0)
    _, got = pulled(case.sampler, case.state, ROWS, HIDDEN, passed)
    mild = NAMES.index("mild")
    np.testing.assert_array_equal(got[mild], passed[mild])


def test_greedy_temperature_has_zero_gradient():
    """At t = 0 the gradients of the temperature and of the logits are zero."""
    row = jnp.array([1.0, 3.0, 3.0, -jnp.inf, 2.0])
    by_s, by_row = BY_BOTH(Temperature(0.0), row, 1)
    assert by_s.value == 0
    np.testing.assert_array_equal(by_row, 0.0)


def central(function, x, h=1e-5):
    """Central differences of a float64 function, with an error of about h**2."""
    x = np.asarray(x, np.float64)
    steps = np.eye(len(x)) * h
    return np.array([(function(x + s) - function(x - s)) / (2 * h) for s in steps])


def logprob(row, token):
    row = row - row.max()
    return row[token] - np.log(np.exp(row).sum())


# Tolerance of float32 against float64 for sums of a dozen terms. It leaves two digits for
# cancellation and still detects a wrong factor or sign.
CLOSE = dict(rtol=1e-3, atol=1e-5)
ROW = np.round(np.random.default_rng(2).standard_normal(12) * 2, 3)
TOKENS = [int(np.argmax(ROW)), 3, 7]

BY_BOTH = jax.jit(jax.grad(lambda s, x, token: jax.nn.log_softmax(s(x))[token], argnums=(0, 1)))


def exact(monkeypatch):
    """Stop the oracles from rounding parameters to float32, which would hide the step h."""
    for family in ("temperature", "truncation"):
        monkeypatch.setattr(f"tests.oracles.{family}.single", float)


@pytest.mark.parametrize("t", [0.1, 0.7, 1.0, 4.0])
@pytest.mark.parametrize("token", TOKENS)
def test_temperature_by_central_differences(t, token, monkeypatch):
    exact(monkeypatch)

    def of(value, row):
        return logprob(temperature(value)(row), token)

    by_s, by_row = BY_BOTH(Temperature(t), np.float32(ROW), token)
    np.testing.assert_allclose(by_s.value, central(lambda v: of(v[0], ROW), [t])[0], **CLOSE)
    np.testing.assert_allclose(by_row, central(lambda x: of(t, x), ROW), **CLOSE)


@pytest.mark.parametrize("t0, theta", [(1.0, 0.5), (0.6, 0.0), (0.7, -0.4)])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_entropy_temperature_by_central_differences(t0, theta, masked, monkeypatch):
    """In t0, theta and, through the entropy, every logit; entries at -inf do not count."""
    exact(monkeypatch)
    token, mask = TOKENS[0], np.arange(12) % 4 == 1
    assert not mask[token]

    def hide(x):
        return np.where(mask & masked, -np.inf, x)

    def of(a, x):
        return logprob(entropy_temperature(a[0], a[1])(hide(x)), token)

    by_s, by_row = BY_BOTH(EntropyTemperature(t0, theta), np.float32(hide(ROW)), token)
    expected = central(lambda a: of(a, ROW), [t0, theta])
    np.testing.assert_allclose([by_s.t0, by_s.theta], expected, **CLOSE)
    np.testing.assert_allclose(by_row, central(lambda x: of((t0, theta), x), ROW), **CLOSE)


def test_a_chain_by_central_differences(monkeypatch):
    """A mask before a temperature must not change its gradient or make it NaN."""
    exact(monkeypatch)
    token = TOKENS[0]

    def oracle(a):
        return compose(top_k(6), temperature(a[0]), entropy_temperature(a[1], a[2]))

    sampler = chain(TopK(6), Temperature(0.8), EntropyTemperature(0.9, 0.3), TopP(1.0))
    trainable, rest = partition(sampler)

    def run(t):
        return jax.nn.log_softmax(combine(t, rest)(jnp.asarray(ROW, jnp.float32)))[token]

    grads = jax.jit(jax.grad(run))(trainable)
    got = [grads[1].value, grads[2].t0, grads[2].theta]
    expected = central(lambda a: logprob(oracle(a)(ROW), token), [0.8, 0.9, 0.3])
    np.testing.assert_allclose(got, expected, **CLOSE)


def test_second_derivatives_are_finite():
    row = np.float32(np.where(np.arange(12) % 4 == 1, -np.inf, ROW))

    def run(t):
        return jax.nn.log_softmax(Temperature(t)(row))[TOKENS[0]]

    assert np.isfinite(jax.jit(jax.grad(jax.grad(run)))(0.7))
