"""KerasHub's generate draws through a sampler of this library."""

import jax
import numpy as np
import pytest

from jaxsample import MinP, RepetitionPenalty, TopK, chain, sample_rows

pytest.importorskip("keras_hub", reason="pip install keras-hub")

import keras
import keras_hub

from jaxsample.interop.keras_hub import Sampler

pytestmark = pytest.mark.peers

V, N = 61, 8
PROMPTS = np.array([[3, 4, 5], [9, 1, 2]], np.int32)
SAMPLER = chain(TopK(20), MinP(0.05))


@pytest.fixture(scope="module")
def lm():
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=V,
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=32,
        dropout=0.0,
    )
    lm = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    rng = np.random.default_rng(0)
    lm.set_weights([rng.normal(0, 0.5, w.shape) if w.ndim > 1 else w for w in lm.get_weights()])
    return lm


def run(lm, sampler):
    """The new tokens `[2, N]`."""
    lm.compile(sampler=sampler)
    width = PROMPTS.shape[1]
    ids = np.pad(PROMPTS, ((0, 0), (0, N)))
    mask = np.zeros_like(ids, bool)
    mask[:, :width] = True
    out = lm.generate({"token_ids": ids, "padding_mask": mask}, stop_token_ids=None)
    return np.asarray(out["token_ids"])[:, width:]


def test_a_greedy_sampler_equals_kerashubs_greedy(lm):
    np.testing.assert_array_equal(run(lm, Sampler(TopK(1))), run(lm, "greedy"))


def test_the_sampler_draws_every_token(lm):
    """A loop over the same logits in Python draws the same tokens."""
    drawn = run(lm, Sampler(SAMPLER, seed=3))
    keys = keras.random.SeedGenerator(3)
    tokens = PROMPTS
    for n in range(N):
        logits = lm({"token_ids": tokens, "padding_mask": np.ones_like(tokens)})[:, -1]
        new = sample_rows(keys.next(), logits, SAMPLER)
        np.testing.assert_array_equal(new, drawn[:, n])
        tokens = np.concatenate([tokens, np.asarray(new)[:, None]], axis=1)


def test_the_seed_decides_the_tokens(lm):
    first, again, other = (run(lm, Sampler(SAMPLER, seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_it_is_saved_and_loaded_like_a_sampler_of_keras():
    sampler = Sampler(SAMPLER, seed=4, invalid=0)
    data = keras.saving.serialize_keras_object(sampler)
    loaded = keras.saving.deserialize_keras_object(data)
    assert isinstance(loaded, Sampler) and loaded.sampler == SAMPLER
    assert (loaded.seed, loaded.invalid) == (4, 0)


def test_an_invalid_row_stops_the_loop_or_draws_an_id(lm):
    weights = lm.get_weights()
    try:
        lm.set_weights([w * np.nan for w in weights])
        with pytest.raises(Exception, match="the logits of 2 of 2 rows are invalid"):
            jax.block_until_ready(run(lm, Sampler(TopK(1))))
        assert (run(lm, Sampler(TopK(1), invalid=5)) == 5).all()
    finally:
        lm.set_weights(weights)


def test_a_sampler_with_state_is_refused():
    with pytest.raises(ValueError, match="KerasHub's loop keeps no state between tokens"):
        Sampler(RepetitionPenalty(1.3))
