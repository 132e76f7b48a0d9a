"""The function with which MaxText's engine draws, through a sampler of this library."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import EntropyTemperature, MinP, Mirostat, TopK, chain, sample_rows

pytest.importorskip("maxtext", reason="pip install maxtext, on Python 3.12 or newer")

from maxtext.inference import inference_utils

from jaxsample.interop.maxtext import sampling

pytestmark = pytest.mark.peers

KEY = jax.random.key(0)
LOGITS = 3 * jax.random.normal(jax.random.key(1), (4, 1, 50))  # [slots, 1, V] as the engine has
SAMPLER = chain(EntropyTemperature(0.9, 0.1), MinP(0.05))


def engine(logits, key):
    """Call it as `maxengine` does."""
    return inference_utils.sampling(
        logits, key, "weighted", topk=0, nucleus_topp=0.0, temperature=1.0
    )


def test_the_engine_draws_through_the_sampler():
    theirs = engine(LOGITS, KEY)
    with sampling(SAMPLER):
        drawn = jax.jit(engine)(LOGITS, KEY)
    assert drawn.shape == theirs.shape and drawn.dtype == theirs.dtype
    np.testing.assert_array_equal(drawn, sample_rows(KEY, LOGITS, SAMPLER))
    np.testing.assert_array_equal(engine(LOGITS, KEY), theirs)


def test_a_greedy_sampler_equals_maxtexts_greedy():
    greedy = inference_utils.sampling(LOGITS, KEY, "greedy")
    with sampling(TopK(1)):
        np.testing.assert_array_equal(engine(LOGITS, KEY), greedy)


def test_invalid_rows_and_samplers_with_state():
    broken = LOGITS.at[2].set(jnp.nan)
    with sampling(SAMPLER, invalid=7):
        assert engine(broken, KEY)[2, 0] == 7
    with sampling(SAMPLER):
        assert engine(broken, KEY)[2, 0] == 0
    with pytest.raises(ValueError, match="keeps no state"), sampling(Mirostat(5.0, 0.1)):
        pass
