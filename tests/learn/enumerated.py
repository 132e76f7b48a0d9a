"""Every text of a tiny bigram model, every pair of texts, and expectations in float64."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import EntropyTemperature, Model, ModelOutput
from jaxsample.learn import Examples
from jaxsample.learn._rollouts import Rollouts
from jaxsample.learn._surrogate import surrogate

V, N, K = 3, 3, 2
EOS, START = 0, 1
TABLE = np.array([[0.0, 0.0, 0.0], [-0.5, 0.3, 0.1], [0.4, 2.5, -1.0]])
AT = np.array([0.9, 0.6])
"""t0 and theta of EDT."""


def _texts():
    for tokens in itertools.product(range(V), repeat=N):
        length = [*tokens, EOS].index(EOS) + 1
        if not any(tokens[length:]):  # what follows the end is padding
            yield tokens, min(length, N)


TEXTS, LENGTHS = map(np.array, zip(*_texts(), strict=True))
LIVE = np.arange(N) < LENGTHS[:, None]
BEFORE = np.insert(TEXTS[:, :-1], 0, START, axis=1)
PAIRS = np.array(list(itertools.product(range(len(TEXTS)), repeat=K)))
REWARDS = (TEXTS == 2).sum(1) + np.where(LENGTHS == 1, 0.5, 0.0) - 0.4 * (TEXTS[:, 0] == 1)
"""The reward of each text: a short text is good, and so is one with many 2."""

ADVANTAGES = REWARDS[PAIRS] - REWARDS[PAIRS[:, ::-1]]


def _log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


MODEL_LOGS = _log_softmax(TABLE)


def sampler_logs(at):
    """Return the log-probabilities of EDT in each row, `[V, V]`."""
    entropy = -(np.exp(MODEL_LOGS) * MODEL_LOGS).sum(1, keepdims=True)
    return _log_softmax(TABLE / (at[0] * 0.8 ** (at[1] / entropy)))


def logs(at):
    """Return the log-probability of each token of each text, 0 past its end."""
    return np.where(LIVE, sampler_logs(at)[BEFORE, TEXTS], 0.0)


def costs(at, kl, entropy):
    """Return kl KL(sampler || model) - entropy H(sampler) at each token, 0 past its end."""
    own = sampler_logs(at)
    divergence = (np.exp(own) * (own - MODEL_LOGS)).sum(1)
    rows = kl * divergence + entropy * (np.exp(own) * own).sum(1)
    return np.where(LIVE, rows[BEFORE], 0.0)


def chances(at):
    """Return the probability of each text."""
    return np.exp(logs(at).sum(1))


def pair_chances(at):
    """Return the probability of each pair."""
    return chances(at)[PAIRS].prod(1)


def slope(value, at=AT, step=1e-5):
    """Return the gradient of a function of t0 and theta by central differences."""
    moves = step * np.eye(len(at))
    return np.array([(value(at + move) - value(at - move)) / (2 * step) for move in moves])


def _apply(table, tokens, positions, cache):
    del positions
    return ModelOutput(table[tokens], None, cache)


BIGRAM = Model(lambda batch, _: jnp.zeros((batch, 1)), _apply), jnp.asarray(TABLE, jnp.float32)


def edt(at=AT):
    """Return the sampler."""
    return EntropyTemperature(*map(jnp.float32, at))


def rollouts(drawn_at=None, first=True):
    """Return each pair as the drawn texts of one prompt; axis 0 of every leaf is the pair."""
    count = len(PAIRS)
    prompts = np.full((count, K, 1), START), np.ones((count, K), np.int32)
    texts = Examples(TEXTS[PAIRS], LENGTHS[PAIRS], *prompts)
    old = None if drawn_at is None else jnp.asarray(logs(drawn_at)[PAIRS], jnp.float32)[:, None]
    advantages = jnp.asarray(ADVANTAGES, jnp.float32)[:, None]
    return Rollouts(texts, advantages, jnp.zeros((count, 1)), old, jnp.full(count, first))


@functools.partial(jax.jit, static_argnums=0)
def losses(objective, sampler, pairs):
    """Return the loss of each pair, and its gradient in t0 and theta."""

    def loss(sampler, pair):
        total, count = objective(sampler, pair, jax.random.key(0), *BIGRAM)
        return total / count

    values, grads = jax.vmap(jax.value_and_grad(loss), (None, 0))(sampler, pairs)
    return values, jnp.stack([grads.t0, grads.theta], axis=1)


def expected(objective, pairs):
    """Return the expected gradient of minus the loss, over pairs that are drawn."""
    return -pair_chances(AT) @ np.asarray(losses(objective, edt(), pairs)[1], np.float64)


def expected_of_surrogate(clip, normalize, pairs, at=AT):
    """Return what `expected` does, for exact log-probabilities and a sampler at `at`."""

    def loss(logprobs, pair):
        total, count = surrogate(clip, normalize, pair, logprobs, None)
        return total / count

    given = jnp.asarray(logs(at)[PAIRS], jnp.float32)
    by_token = np.asarray(jax.jit(jax.vmap(jax.grad(loss)))(given, pairs), np.float64)
    weights = pair_chances(AT)[:, None, None] * by_token
    return slope(lambda at: -np.sum(weights * logs(at)[PAIRS]), at)
