"""A policy of slopes and knots learns a line that no temperature has."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jaxsample import Reshape, combine, partition
from jaxsample.learn import Learned, Policy

SLOPES = np.float32([0.6, 1.5, 0.5, 2.0, 1.2])
KNOTS = np.float32([0.8, 2.5, 4.0, 8.0])


def test_the_slopes_of_the_truth_are_found():
    """The truth is a reshaped model with other knots; the loss is smallest there."""
    rows = 2.5 * jax.random.normal(jax.random.key(0), (64, 200))
    truth = jax.nn.softmax(jax.vmap(Reshape(SLOPES, KNOTS))(rows))
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

        return jax.lax.scan(step, (trainable, adam.init(trainable)), length=500)[0][0]

    (found,) = combine(fitted(trainable), rest).policy(jnp.zeros(0))
    # The last segment has too little mass to be found exactly; it changes no probability by 1e-4.
    np.testing.assert_allclose(found.slopes[:3], SLOPES[:3], rtol=1e-3)
    np.testing.assert_allclose(found.knots[:3], KNOTS[:3], rtol=1e-2)
    got = jax.nn.softmax(jax.vmap(found)(rows))
    np.testing.assert_allclose(got, truth, atol=1e-4)
