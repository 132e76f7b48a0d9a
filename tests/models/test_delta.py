"""The gated delta rule in chunks, against one token after the other."""

import jax
import numpy as np

from jaxsample_models._delta import _through


def one_by_one(query, key, value, strength, fade, memory):
    memory, outputs = memory.astype(np.float64), []
    for t in range(query.shape[2]):
        memory = memory * np.exp(fade[:, :, t])[..., None, None]
        held = np.einsum("bhk,bhkv->bhv", key[:, :, t], memory)
        put = (value[:, :, t] - held) * strength[:, :, t, None]
        memory = memory + np.einsum("bhk,bhv->bhkv", key[:, :, t], put)
        outputs.append(np.einsum("bhk,bhkv->bhv", query[:, :, t], memory))
    return np.stack(outputs, axis=2), memory


def test_chunks_equal_one_token_after_the_other():
    """150 tokens are two whole chunks and a part; the second row ends in padding."""
    random = np.random.default_rng(0)
    query, key, value = (random.normal(size=(2, 3, 150, 4)).astype(np.float32) for _ in range(3))
    key /= np.linalg.norm(key, axis=-1, keepdims=True)
    strength = random.uniform(0.1, 0.9, (2, 3, 150)).astype(np.float32)
    fade = -random.exponential(0.3, (2, 3, 150)).astype(np.float32)
    strength[1, :, 120:], fade[1, :, 120:] = 0, 0
    given = (query, key, value, strength, fade, random.normal(size=(2, 3, 4, 4)).astype(np.float32))
    found, expected = jax.jit(_through)(*given), one_by_one(*given)
    # Float32 through a triangular system of 64 rows whose entries are below 1.
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=0)
