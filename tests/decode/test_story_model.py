"""Decoding with a small published language model, stories260K."""

import json

import jax
import numpy as np
import pytest

import jaxsample_models
from jaxsample import Temperature, TopP, chain, generate


@pytest.fixture(scope="module")
def checkpoint(assets):
    return jaxsample_models.load(assets / "stories260K")


def test_greedy_equals_the_published_text(checkpoint, assets):
    reference = json.loads((assets / "stories260K" / "greedy_reference.json").read_text())
    expected = reference["greedy_ids"]
    got = generate(
        jax.random.key(0),
        checkpoint.model,
        checkpoint.params,
        np.array([reference["prompt_ids"]]),
        Temperature(0),
        max_new_tokens=256,
    )
    skip = len(expected) - 256  # a longer reference begins with the prompt
    np.testing.assert_array_equal(got.tokens[0], expected[skip:])


@pytest.mark.slow
def test_ragged_rows_get_the_tokens_they_get_alone(checkpoint):
    texts = [
        "Once",
        "One day, a",
        "The cat",
        "Tim and Lily went to the",
        "A",
        "He said",
        "Mom",
        "It",
    ]
    prompts = [[1, *checkpoint.tokenizer.encode(t, add_special_tokens=False).ids] for t in texts]
    lengths = np.array([len(p) for p in prompts])
    padded = np.zeros((8, lengths.max()), np.int32)
    for row, prompt in zip(padded, prompts, strict=True):
        row[: len(prompt)] = prompt
    sampler = chain(Temperature(0.8), TopP(0.9))
    key, options = jax.random.key(3), dict(max_new_tokens=48, eos=1)
    run = checkpoint.model, checkpoint.params
    batch = generate(key, *run, padded, sampler, lengths=lengths, **options)
    for b in range(8):
        alone = generate(
            jax.random.fold_in(key, b)[None],
            *run,
            padded[b : b + 1],
            sampler,
            lengths=lengths[b : b + 1],
            **options,
        )
        np.testing.assert_array_equal(batch.tokens[b], alone.tokens[0])


@pytest.mark.slow
def test_it_writes_words(checkpoint, assets):
    sampler = chain(Temperature(0.8), TopP(0.9))
    got = generate(
        jax.random.key(1),
        checkpoint.model,
        checkpoint.params,
        np.ones((4, 1), np.int32),
        sampler,
        max_new_tokens=200,
        eos=1,
    )
    ids = [np.asarray(row[:n]).tolist() for row, n in zip(got.tokens, got.lengths, strict=True)]
    words = " ".join(checkpoint.tokenizer.decode_batch(ids)).lower().split()
    common = "the a to and was it he she in play with her his they day said little big".split()
    # About a quarter of the words of a children's story; a broken model writes none of them.
    assert np.mean([w.strip('.,!?"') in common for w in words]) > 0.2
