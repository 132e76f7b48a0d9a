"""Greedy decoding of a published model, against its reference text."""

import json

import jax
import jax.numpy as jnp
import pytest

from jaxsample_models import load


@pytest.fixture(scope="module")
def folder(assets):
    folder = assets / "stories260K"
    if not folder.is_dir():
        pytest.skip("no stories260K among the assets")
    return folder


def greedy(checkpoint, steps):
    model = checkpoint.model

    def step(state, position):
        token, cache = state
        out = model.apply(checkpoint.params, token[:, None], position[None, None], cache)
        token = jnp.argmax(model.unembed(checkpoint.params, out.hidden[:, 0]), axis=-1)
        return (token.astype(jnp.int32), out.cache), token[0]

    @jax.jit
    def decode(first):
        state = (first, model.init_cache(1, steps))
        return jax.lax.scan(step, state, jnp.arange(steps))[1]

    return decode(jnp.array([1], jnp.int32)).tolist()


@pytest.mark.slow
def test_greedy_equals_the_reference(folder):
    reference = json.loads((folder / "greedy_reference.json").read_text())
    checkpoint = load(folder)
    tokens = greedy(checkpoint, 256)
    assert [1, *tokens] == reference["greedy_ids"]
    assert checkpoint.tokenizer.decode(tokens).startswith(reference["text"][:40])


def test_special_tokens(folder):
    assert load(folder).generation_config == {"bos_token_id": 1, "eos_token_id": [1, 2]}
