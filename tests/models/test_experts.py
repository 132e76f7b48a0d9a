"""Experts against a plain sum over all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxsample_models import Routing, TransformerConfig
from jaxsample_models._experts import Experts


def layer(routing, dim):
    """Return a function from parameters and `[B, T, dim]`, and random parameters."""
    config = TransformerConfig(9, dim, 1, 2, 2, 4, 16, 64, routing=routing)
    graph, shapes = nnx.split(nnx.eval_shape(lambda: Experts(config, nnx.Rngs(0))))
    random = np.random.default_rng(0)
    params = jax.tree.map(
        lambda leaf: random.normal(size=leaf.shape).astype(np.float32), nnx.to_pure_dict(shapes)
    )
    return jax.jit(lambda params, x: nnx.merge(graph, params)(x)), params


def plain(routing, params, x):
    """Compute every expert for every token, and sum those that the router chose."""
    kernels = {name: params[name]["kernel"].astype(np.float64) for name in params}
    scores = np.exp(x @ kernels["router"])
    scores /= scores.sum(axis=-1, keepdims=True)
    least = np.sort(scores, axis=-1)[..., -routing.chosen, None]
    weights = np.where(scores >= least, scores, 0.0)
    if routing.normalized:
        weights /= weights.sum(axis=-1, keepdims=True)
    gate, up = (np.einsum("btd,edm->btem", x, kernels[name]) for name in ("gate", "up"))
    inner = gate / (1 + np.exp(-gate)) * up
    return np.einsum("btem,emd,bte->btd", inner, kernels["down"], weights)


@pytest.mark.parametrize(
    ("routing", "shape"),
    [
        pytest.param(Routing(4, 2, 6), (1, 1), id="one token"),
        pytest.param(Routing(7, 3, 6, normalized=False), (2, 40), id="blocks"),
        pytest.param(Routing(2, 2, 6), (1, 300), id="largest blocks"),
    ],
)
def test_each_token_has_the_sum_of_its_experts(routing, shape):
    apply, params = layer(routing, 4)
    x = np.random.default_rng(1).normal(size=(*shape, 4)).astype(np.float32)
    # Float32 sums of about twenty terms, of sizes up to a hundred.
    np.testing.assert_allclose(apply(params, x), plain(routing, params, x), atol=1e-3, rtol=1e-5)
    same = np.broadcast_to(x[:1, :1], x.shape)
    np.testing.assert_allclose(
        apply(params, same), plain(routing, params, same), atol=1e-3, rtol=1e-5
    )


def test_a_long_prompt_needs_no_room_for_every_expert():
    """The whole of tokens by experts by width would be 16 MiB."""
    apply, params = layer(Routing(64, 2, 64), 64)
    compiled = apply.lower(params, jnp.zeros((1, 1024, 64))).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 8 * 2**20
