"""Experts against a plain sum over all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxsample_models import Routing, TransformerConfig
from jaxsample_models._experts import Experts


def layer(experts, chosen, dim=8, inner=12, **fields):
    routing = Routing(experts, chosen, inner, **fields)
    return Experts(
        TransformerConfig(9, dim, 1, 2, 2, 4, 16, 64, routing=routing), nnx.Rngs(0)
    )


def plain(experts, x):
    """Compute every expert for every token, and sum those that the router chose."""
    flat = x.reshape(-1, x.shape[-1])
    scores = jax.nn.softmax(experts.router(flat), axis=-1)
    least = jnp.sort(scores, axis=-1)[:, -experts.routing.chosen, None]
    weights = jnp.where(scores >= least, scores, 0.0)
    if experts.routing.normalized:
        weights /= weights.sum(axis=-1, keepdims=True)
    total = 0
    for e in range(experts.routing.experts):
        inner = jax.nn.silu(experts.gate(flat, e)) * experts.up(flat, e)
        total += weights[:, e, None] * experts.down(inner, e)
    return total.reshape(x.shape)


@pytest.mark.parametrize(
    ("experts", "chosen", "shape"),
    [(4, 2, (1, 1)), pytest.param(7, 3, (2, 40), id="blocks"), (2, 2, (1, 300))],
)
def test_each_token_has_the_sum_of_its_experts(experts, chosen, shape):
    module = layer(experts, chosen, normalized=chosen != 3)
    x = 3 * jax.random.normal(jax.random.key(1), (*shape, 8))
    # Both round their sums of some ten terms of size 1.
    np.testing.assert_allclose(module(x), plain(module, x), atol=1e-5, rtol=0)


def test_tokens_that_all_go_to_one_expert():
    module = layer(5, 1)
    x = jnp.broadcast_to(jax.random.normal(jax.random.key(1), (8,)), (3, 50, 8))
    np.testing.assert_allclose(module(x), plain(module, x), atol=1e-5, rtol=0)


def test_a_long_prompt_needs_no_room_for_every_expert():
    """The whole of tokens by experts by width would be 16 MiB."""
    module = layer(64, 2, dim=64, inner=64)
    graph, params = nnx.split(module)
    program = jax.jit(lambda params, x: nnx.merge(graph, params)(x))
    compiled = program.lower(params, jnp.zeros((1, 1024, 64))).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 8 * 2**20
