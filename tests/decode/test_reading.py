"""Prompts that are read in chunks give the decoding of prompts that are read at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import RepetitionPenalty, TopK, chain, prefill, resume, score
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


TEXTS = np.random.default_rng(1).integers(0, V, (4, 7))
COUNTS = np.array([7, 0, 5, 6])


def scored(model, params, chunk, sampler=SAMPLER, **options):
    given = model, params, PROMPTS, TEXTS, sampler
    return score(*given, lengths=LENGTHS, token_lengths=COUNTS, chunk=chunk, **options)


@pytest.mark.parametrize("chunk", [5, *(pytest.param(n, marks=pytest.mark.full) for n in (1, 100))])
def test_any_chunk_gives_the_same_scores(chunk):
    scores = (scored(TABLE, TABLE_PARAMS, c, record=("logprobs", "kept")) for c in (None, chunk))
    jax.tree.map(np.testing.assert_array_equal, *scores)


@pytest.mark.slow
def test_the_gradient_of_scores_in_chunks():
    params = recurrent_params()

    def loss(params, chunk):
        return scored(RECURRENT, params, chunk, TopK(V), record=("logprobs",)).logprobs.sum()

    at_once, chunked = (jax.grad(loss)(params, chunk) for chunk in (None, 4))
    # A product over several columns is rounded in another order.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), at_once, chunked)
    assert all(np.abs(x).max() > 1e-2 for x in jax.tree.leaves(at_once))


def long_prefill(key, model, params, tokens, chunk):
    return prefill(key, model, params, tokens, TopK(1), max_length=WIDTH, chunk=chunk)


def long_score(key, model, params, tokens, chunk):
    return score(model, params, tokens[:, :-8], tokens[:, -8:], chain(), chunk=chunk)


WIDTH = 4096


@pytest.mark.parametrize("way", [long_prefill, pytest.param(long_score, marks=pytest.mark.slow)])
def test_a_long_prompt_needs_a_tenth_of_the_memory(way):
    config = TransformerConfig(
        vocab_size=256, dim=64, layers=2, heads=4, kv_heads=4, head_dim=16, mlp_dim=1024,
        max_length=WIDTH,
    )  # fmt: skip
    model = as_model(config)

    def temporaries(chunk):
        tokens = jax.ShapeDtypeStruct((1, WIDTH), jnp.int32)
        given = KEY, shapes(config), tokens
        lowered = jax.jit(lambda key, *rest: way(key, model, *rest, chunk)).lower(*given)
        return lowered.compile().memory_analysis().temp_size_in_bytes

    cache = 2 * 2 * WIDTH * 64 * 4  # keys and values of both layers, which a scan may hold twice
    assert temporaries(256) - 2 * cache < (temporaries(None) - cache) / 10


@pytest.mark.parametrize(("chunk", "said"), [(0, "chunk must be an int >= 1"), (2.5, "chunk must")])
def test_a_wrong_chunk(chunk, said):
    with pytest.raises(ValueError, match=said):
        read(TABLE, TABLE_PARAMS, chunk=chunk)
