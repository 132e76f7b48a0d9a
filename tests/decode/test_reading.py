"""Prompts that are read in chunks give the decoding of prompts that are read at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import RepetitionPenalty, TopK, chain, prefill, resume
from jaxsample_models import TransformerConfig, as_model, shapes
from tests.decode.models import RECURRENT, TABLE, TABLE_PARAMS, V, recurrent_params

KEY = jax.random.key(4)
SAMPLER = chain(RepetitionPenalty(1.3), TopK(9))
PROMPTS = np.random.default_rng(0).integers(0, V, (4, 11))
LENGTHS = np.array([11, 4, 1, 8])


def read(model, params, prompts=PROMPTS, lengths=LENGTHS, **options):
    given = KEY, model, params, prompts, SAMPLER
    return prefill(*given, max_length=20, lengths=lengths, **options)


def values(tree):
    def plain(x):
        typed = jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(x) if typed else x)

    return jax.tree.map(plain, tree)


@pytest.mark.parametrize("chunk", [1, 4, 11, 100])
def test_any_chunk_gives_the_same_decoding(chunk):
    at_once = values(read(TABLE, TABLE_PARAMS))
    jax.tree.map(
        np.testing.assert_array_equal, at_once, values(read(TABLE, TABLE_PARAMS, chunk=chunk))
    )


def test_a_recurrent_model_without_logits():
    params = recurrent_params()
    at_once, chunked = (values(read(RECURRENT, params, chunk=chunk)) for chunk in (None, 3))
    # A product over several columns is rounded in another order.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), at_once, chunked)


def test_chunks_after_what_is_read_already():
    first = read(TABLE, TABLE_PARAMS, PROMPTS[:, :3], np.minimum(LENGTHS, 3))
    again = read(TABLE, TABLE_PARAMS, after=first, chunk=2)
    expected = read(TABLE, TABLE_PARAMS)
    jax.tree.map(np.testing.assert_array_equal, values(expected), values(again))
    tokens = (
        resume(TABLE, TABLE_PARAMS, d, SAMPLER, max_new_tokens=5).tokens for d in (again, expected)
    )
    np.testing.assert_array_equal(*tokens)


def test_a_long_prompt_needs_a_tenth_of_the_memory():
    width = 4096
    config = TransformerConfig(
        vocab_size=256, dim=64, layers=2, heads=4, kv_heads=4, head_dim=16, mlp_dim=1024,
        max_length=width,
    )  # fmt: skip
    model = as_model(config)

    def temporaries(chunk):
        def run(key, params, prompts):
            given = key, model, params, prompts, TopK(1)
            return prefill(*given, max_length=width, chunk=chunk)

        tokens = jax.ShapeDtypeStruct((1, width), jnp.int32)
        lowered = jax.jit(run).lower(KEY, shapes(config), tokens)
        return lowered.compile().memory_analysis().temp_size_in_bytes

    cache = 2 * 2 * width * 64 * 4  # keys and values of both layers, which a scan may hold twice
    assert temporaries(256) - 2 * cache < (temporaries(None) - cache) / 10


@pytest.mark.parametrize(("chunk", "said"), [(0, "chunk must be an int >= 1"), (2.5, "chunk must")])
def test_a_wrong_chunk(chunk, said):
    with pytest.raises(ValueError, match=said):
        read(TABLE, TABLE_PARAMS, chunk=chunk)
