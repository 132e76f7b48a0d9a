"""A policy of slopes learns a line that no temperature has."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jaxsample import Reshape, combine, partition
from jaxsample.learn import Learned, Policy

SLOPES = np.float32([0.6, 1.5, 0.5, 2.0, 1.2])


def test_the_slopes_of_the_truth_are_found():
    """The truth is a reshaped model, so the loss is smallest at its slopes and nowhere else."""
    rows = 2.5 * jax.random.normal(jax.random.key(0), (64, 200))
    truth = jax.nn.softmax(jax.vmap(Reshape(SLOPES))(rows))
    policy = Learned(Policy("reshape", per="corpus", rngs=nnx.Rngs(0)))
    trainable, rest = partition(policy)
    adam = optax.adam(0.1)

    def loss(trainable):
        logprobs = jax.nn.log_softmax(jax.vmap(combine(trainable, rest))(rows))
        return -jnp.mean(jnp.sum(truth * logprobs, 1))

    @jax.jit
    def fitted(trainable):
        def step(carry, _):
            trainable, state = carry
            updates, state = adam.update(jax.grad(loss)(trainable), state)
            return (optax.apply_updates(trainable, updates), state), None

        return jax.lax.scan(step, (trainable, adam.init(trainable)), length=300)[0][0]

    (found,) = combine(fitted(trainable), rest).policy(jnp.zeros(0))
    # Adam ends within 1e-6 of the truth here; the bound leaves room for other rounding.
    np.testing.assert_allclose(found.slopes, SLOPES, rtol=1e-4)
