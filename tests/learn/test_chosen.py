"""The log-probability of a given token: its value and its derivatives against plain formulas."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import Temperature, TopK, TopP, chain
from jaxsample.learn import Examples, SoftMinP, logprobs
from tests.compilations import compilations
from tests.decode.models import TABLE, TABLE_PARAMS

V = 300
LOGITS = 2 * np.random.default_rng(0).standard_normal((2, 3, V)).astype(np.float32)
TOKENS = np.random.default_rng(1).integers(0, V, (2, 3))


@jax.jit
def total(sampler, logits):
    return jnp.sum(logprobs(sampler, Examples(TOKENS, logits=logits).checked()))


def plain(logits):
    return jnp.sum(jnp.take_along_axis(jax.nn.log_softmax(logits), TOKENS[..., None], axis=-1))


def close(got, expected):
    # float32 sums over V terms, in another order.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), got, expected)


def test_the_derivatives_of_a_temperature_and_of_the_logits():
    of = lambda t, logits: total(Temperature(t), logits)  # noqa: E731
    expected = lambda t, logits: plain(logits / t)  # noqa: E731
    for arguments in (0, (0, 1)):
        got = jax.value_and_grad(of, arguments)(1.3, LOGITS)
        close(got, jax.value_and_grad(expected, arguments)(1.3, LOGITS))


def test_the_derivative_behind_a_soft_filter_and_a_temperature():
    """A soft filter gives new logits, which depend on what is trained; a second T is a number."""

    def of(p, t):
        return total(chain(SoftMinP(p, 5.0), Temperature(t)), LOGITS)

    def expected(p, t):
        ratio = jnp.exp(LOGITS - LOGITS.max(axis=-1, keepdims=True))
        change = jax.nn.log_sigmoid(5 * ratio) - jax.nn.log_sigmoid(5 * (ratio - p))
        return plain((LOGITS - change) / t)

    close(jax.grad(of, (0, 1))(0.2, 0.7), jax.grad(expected, (0, 1))(0.2, 0.7))


def test_a_token_without_a_chance_has_no_derivative():
    slope = jax.grad(lambda t: total(chain(Temperature(t), TopK(1)), LOGITS))(0.5)
    assert total(chain(Temperature(0.5), TopK(1)), LOGITS) == -np.inf
    assert slope == 0


def test_a_step_stores_no_logits_for_the_backward_pass():
    """All that the derivative of T needs is one number for each token."""
    _, pull = jax.vjp(lambda t: total(Temperature(t), LOGITS), jnp.float32(1.3))
    assert max((np.size(x) for x in jax.tree.leaves(pull)), default=0) <= TOKENS.size


def test_a_call_outside_jit_compiles_once_for_all_values():
    texts = Examples(np.array([[1, 2]]), prompts=np.array([[0]])).checked()

    def call(i):
        sampler = chain(Temperature(0.5 + i / 10), TopP(0.9 - i / 100))
        return logprobs(sampler, texts, TABLE, TABLE_PARAMS)

    call(0)
    with compilations() as later:
        call(1), call(2)
    assert not later
