"""A tiny model, and a batch of tokens for it."""

import jax
import jax.numpy as jnp
import pytest

from jaxsample_models import TransformerConfig, init

TINY = TransformerConfig(
    vocab_size=61,
    dim=32,
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=8,
    mlp_dim=48,
    max_length=64,
)


@pytest.fixture(scope="session")
def tiny():
    """A config, and parameters so large that no part of the model is close to the identity."""
    params = init(TINY, jax.random.key(0))
    return TINY, jax.tree.map(lambda leaf: 3 * leaf, params)


@pytest.fixture
def tokens():
    """Three rows of twelve tokens."""
    return jax.random.randint(jax.random.key(1), (3, 12), 0, TINY.vocab_size)


@pytest.fixture
def positions():
    """Rows of 12, 5 and 9 tokens, with padding on the right."""
    lengths = jnp.array([12, 5, 9])
    places = jnp.arange(12)[None, :]
    return jnp.where(places < lengths[:, None], places, -1)
