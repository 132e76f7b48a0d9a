"""Policies for tests."""

import jax


def wild(sampler, scale=0.3):
    """The same policy with random weights in every layer."""
    leaves, structure = jax.tree.flatten(sampler.params)
    keys = jax.random.split(jax.random.key(5), len(leaves))
    noisy = [x + scale * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return sampler.replace(params=structure.unflatten(noisy))
