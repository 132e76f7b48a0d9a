"""transformers' Flax models, version 4, draw from the logits of a sampler of this library."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    MinP,
    Mirostat,
    RepetitionPenalty,
    Temperature,
    TopK,
    Transform,
    chain,
    transform,
)

pytest.importorskip(
    "transformers.generation.flax_logits_process", reason="pip install 'transformers<5' flax"
)

from transformers import FlaxGPT2LMHeadModel, GPT2Config
from transformers.generation.flax_logits_process import FlaxLogitsProcessorList

from jaxsample.interop.transformers import Processor

pytestmark = pytest.mark.peers

PROMPTS = jnp.array([[1, 2, 3], [4, 5, 6]])


@pytest.fixture(scope="module")
def model():
    config = GPT2Config(
        vocab_size=61,
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=64,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.5,
    )
    return FlaxGPT2LMHeadModel(config, seed=0)


def run(model, *processors, **options):
    options = dict(do_sample=True, top_k=0, prng_key=jax.random.key(0)) | options
    return model.generate(
        PROMPTS,
        attention_mask=jnp.ones_like(PROMPTS),
        max_new_tokens=8,
        logits_processor=FlaxLogitsProcessorList(processors),
        pad_token_id=0,
        eos_token_id=None,
        **options,
    ).sequences


def test_a_greedy_sampler_equals_transformers_greedy(model):
    greedy = run(model, do_sample=False)
    np.testing.assert_array_equal(run(model, Processor(TopK(1))), greedy)


def test_a_sampler_equals_the_warpers_of_the_same_name(model):
    ours = run(model, Processor(chain(Temperature(0.7), TopK(5))))
    # transformers draws by the same key; equal logits up to the row's maximum give equal tokens.
    np.testing.assert_array_equal(ours, run(model, temperature=0.7, top_k=5))
    assert (ours != run(model)).any()


def test_every_token_is_in_the_kept_set(model):
    sampler = chain(Temperature(0.9), MinP(0.3))
    sequences = run(model, Processor(sampler))
    logits = model(sequences).logits[:, 2:-1]
    kept = jax.vmap(jax.vmap(sampler))(logits) > -jnp.inf
    assert np.take_along_axis(np.asarray(kept), np.asarray(sequences)[:, 3:, None], -1).all()
    assert not kept.all()


@transform
class Shorter(Transform):
    """A transform of a user, whose state begins with the prompt."""

    def init(self, key, prompt):
        del key
        return prompt.length

    def __call__(self, logits, state=None, hidden=None):
        return logits


def test_a_sampler_with_state_is_refused():
    for sampler in (RepetitionPenalty(1.3), Mirostat(5.0, 0.1), Shorter()):
        with pytest.raises(ValueError, match="keeps no state between tokens"):
            Processor(sampler)
