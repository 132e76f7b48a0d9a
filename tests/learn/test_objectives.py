"""Policy gradients and preferences."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxsample import Temperature, chain
from jaxsample.learn import (
    Examples,
    Group,
    KernelScore,
    Pairs,
    PolicyGradient,
    Preferences,
    Rewards,
    exact_match,
    fit,
    hamming,
    ngrams,
)
from tests.decode.models import TABLE, TABLE_PARAMS
from tests.learn import crossed

K = 3
ROW = jnp.log(jnp.array([0.6, 0.3, 0.1]))


def group_of(tokens, reference=1):
    """Return K one-token texts as a group."""
    one = jnp.int32(1)
    return Group(
        tokens[:, None], jnp.ones(K, jnp.int32), jnp.array([reference]), one,
        jnp.zeros(1, jnp.int32), one,
    )  # fmt: skip


# All groups of K one-token texts over three tokens, `[27, K]`.
EVERY_GROUP = jnp.array(list(itertools.product(range(3), repeat=K)))


@functools.partial(jax.jit, static_argnums=0)
def expected_gradient(credit, t):
    """Return the exact mean of sum advantage * grad log q / K over all groups."""

    def weighted(tokens):
        advantages = credit(group_of(tokens))
        slope = jax.grad(lambda t: jnp.mean(advantages * jax.nn.log_softmax(ROW / t)[tokens]))(t)
        return jnp.prod(jax.nn.softmax(ROW / t)[tokens]) * slope

    return jnp.sum(jax.vmap(weighted)(EVERY_GROUP))


@jax.jit
def kernel_score(t):
    """Return 2 q(x) - sum q^2, the exact score of the exact-match kernel for the text [1]."""
    q = jax.nn.softmax(ROW / t)
    return 2 * q[1] - jnp.sum(q * q)


def test_the_kernel_score_has_the_exact_gradient():
    def advantages(group):
        return KernelScore(exact_match)(group).advantages

    for t in (0.7, 1.5):
        exact = float(jax.grad(kernel_score)(t))
        assert expected_gradient(advantages, t) == pytest.approx(exact, abs=1e-5)


def test_the_mean_of_the_other_rewards_is_a_biased_baseline():
    """It contains k(y_i, y_j), so part of the diversity term cancels."""

    def naive(group):
        tokens = group.tokens[:, 0]
        same = (tokens[:, None] == tokens[None, :]) * (1.0 - jnp.eye(K))
        credit = 2.0 * (tokens == group.reference[0]) - 2.0 * same.sum(1) / (K - 1)
        return credit - (credit.sum() - credit) / (K - 1)

    exact = float(jax.grad(kernel_score)(1.5))
    assert abs(expected_gradient(naive, 1.5) - exact) > 0.1 * abs(exact)


def test_rewards_of_their_own_have_the_exact_gradient():
    worth = jnp.array([0.0, 1.0, 5.0])

    def advantages(group):
        return Rewards(lambda group: worth[group.tokens[:, 0]])(group).advantages

    exact = float(jax.grad(lambda t: jax.nn.softmax(ROW / t) @ worth)(1.3))
    assert expected_gradient(advantages, 1.3) == pytest.approx(exact, abs=1e-5)


def test_the_worth_of_a_group_is_unbiased():
    q = jax.nn.softmax(ROW)
    worth = jax.jit(jax.vmap(lambda tokens: KernelScore(exact_match)(group_of(tokens)).value))
    mean = float(jnp.sum(jnp.prod(q[EVERY_GROUP], axis=1) * worth(EVERY_GROUP)))
    assert mean == pytest.approx(float(kernel_score(1.0)), abs=1e-5)


@pytest.mark.slow
def test_the_gradient_of_the_objective_is_that_of_many_draws():
    batch = Examples(jnp.full((4096, 1), 1), prompts=jnp.zeros((4096, 1), jnp.int32)).checked()
    model, params = crossed.MODEL, (ROW[None], jnp.zeros((1, 2)))
    objective = PolicyGradient(KernelScore(exact_match), K, 1)

    def loss(t):
        total, count = objective(chain(Temperature(t)), batch, jax.random.key(0), model, params)
        return total / count

    exact = -float(jax.grad(kernel_score)(1.5))
    # 4,096 groups; the spread of one is about .3, so four standard errors are .02.
    assert float(jax.jit(jax.grad(loss))(1.5)) == pytest.approx(exact, abs=0.02)
    value, count = objective.value(chain(Temperature(1.5)), batch, jax.random.key(1), model, params)
    assert float(value / count) == pytest.approx(-float(kernel_score(1.5)), abs=0.05)


def test_a_user_reward_moves_a_temperature():
    batch = crossed.draw(jax.random.key(0), 32)._replace(logits=None, hidden=None)
    likeliest = jnp.argmax(crossed.LOGITS, axis=-1)

    def reward(group):
        return (group.tokens[:, 0] == likeliest[group.prompt[0]]).astype(jnp.float32)

    got = fit(
        jax.random.key(0), chain(Temperature(1.0)), crossed.MODEL, crossed.PARAMS, batch,
        steps=20, every=20, objective=PolicyGradient(Rewards(reward), 4, 1),
        optimizer=optax.adam(5e-2),
    ).sampler  # fmt: skip
    assert got[0].value < 0.8  # the reward favours the likeliest token


@pytest.mark.slow
def test_texts_drawn_in_slots_have_the_same_gradient():
    texts = Examples(
        np.array([[1, 2], [3, 7], [5, 5]]), prompts=np.array([[0], [4], [9]])
    ).checked()
    sampler = Temperature(0.6)

    @functools.partial(jax.jit, static_argnums=0)
    def slope(objective, sampler):
        def loss(sampler):
            return objective(sampler, texts, jax.random.key(0), TABLE, TABLE_PARAMS)

        return jax.value_and_grad(loss, has_aux=True)(sampler)

    objective = PolicyGradient(KernelScore(hamming), K, 6, eos=range(0, 40, 3))
    at_once = slope(objective, sampler)
    in_slots = slope(dataclasses.replace(objective, slots=2), sampler)
    # The same texts; another program, which sums in another order.
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5), at_once, in_slots)
    assert at_once[1].value != 0


def test_preferences_move_towards_the_preferred_texts():
    data = crossed.draw(jax.random.key(0), 64)._replace(prompts=None)
    best = jnp.argmax(data.logits, axis=-1).astype(jnp.int32)
    worst = jnp.argmin(data.logits, axis=-1).astype(jnp.int32)
    heats = []
    for chosen, rejected in ((best, worst), (worst, best)):
        pairs = Pairs(data._replace(tokens=chosen), data._replace(tokens=rejected))
        got = fit(jax.random.key(0), chain(Temperature(1.0)), None, None, pairs, steps=10,
                  every=10, objective=OBJECTIVE, optimizer=optax.adam(3e-2))  # fmt: skip
        heats.append(float(got.sampler[0].value))
    assert heats[0] < 1 < heats[1]


OBJECTIVE = Preferences(0.5)


@pytest.mark.parametrize("kernel", [exact_match, hamming, ngrams(1), ngrams(2)])
def test_kernels_are_positive_definite_and_one_on_themselves(kernel):
    rng = np.random.default_rng(0)
    texts, lengths = rng.integers(0, 3, (24, 6)), rng.integers(2, 7, 24)
    pairs = jax.jit(jax.vmap(jax.vmap(kernel, (None, None, 0, 0)), (0, 0, None, None)))
    gram = np.asarray(pairs(texts, lengths, texts, lengths))
    np.testing.assert_allclose(np.diag(gram), 1, atol=1e-6)
    np.testing.assert_allclose(gram, gram.T, atol=1e-6)
    assert np.linalg.eigvalsh(gram).min() > -1e-5


def test_padding_is_not_part_of_a_text():
    a, b = jnp.array([1, 2, 9, 9]), jnp.array([1, 2, 3])
    same, pairs, triples = map(jax.jit, (exact_match, ngrams(2), ngrams(3)))
    assert same(a, 2, b, 2) == 1
    assert same(a, 2, b, 3) == 0
    assert pairs(a, 2, b, 3) == pytest.approx(1 / np.sqrt(2))
    assert triples(a, 2, b, 3) == 0


@pytest.mark.parametrize("width", [41, 47, 55])
def test_a_text_is_itself_at_any_width(width):
    text = jnp.arange(width)
    assert jax.jit(exact_match)(text, width, text, width) == 1


@pytest.mark.parametrize("kernel", [exact_match, hamming])
def test_samples_and_reference_may_be_padded_to_different_widths(kernel):
    @jax.jit
    def credits(tokens):
        group = group_of(tokens)
        wide = group._replace(reference=jnp.pad(group.reference, (0, 3)))
        both = wide._replace(tokens=jnp.pad(group.tokens, ((0, 0), (0, 3))))
        return KernelScore(kernel)(wide), KernelScore(kernel)(both)

    for tokens in EVERY_GROUP[:5]:
        for a, b in zip(*credits(tokens), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="samples must be >= 3"):
        PolicyGradient(KernelScore(hamming), 2, 4)
    with pytest.raises(ValueError, match="strength must be > 0"):
        Preferences(0.0)
    with pytest.raises(ValueError, match="n must be an int >= 1"):
        ngrams(0)
    batch = Examples(jnp.zeros((2, 1), jnp.int32), logits=jnp.zeros((2, 1, 3))).checked()
    objective = PolicyGradient(KernelScore(hamming), 3, 1)
    with pytest.raises(ValueError, match="with a model and prompts"):
        objective(chain(), batch, jax.random.key(0), None, None)
