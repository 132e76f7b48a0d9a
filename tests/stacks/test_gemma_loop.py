"""gemma's sampler loop draws through a sampler of this library."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import EntropyTemperature, MinP, Mirostat, TopK, chain, sample_rows

pytest.importorskip("gemma", reason="pip install gemma")

from gemma import gm
from gemma.gm.nn import _config, _modules
from gemma.gm.text import _sampler_loop

from jaxsample.interop.gemma import Sampling

pytestmark = pytest.mark.peers

V, B, N, ROOM = 61, 2, 8, 16
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def model():
    kind = _modules.AttentionType
    config = _config.TransformerConfig(
        num_embed=V,
        embed_dim=16,
        hidden_dim=32,
        num_heads=2,
        head_dim=8,
        num_kv_heads=1,
        final_logit_softcap=None,
        use_post_attn_norm=True,
        use_post_ffw_norm=True,
        attention_types=(kind.LOCAL_SLIDING, kind.GLOBAL),
        sliding_window_size=4,
        use_qk_norm=True,
    )
    return gm.nn.Transformer(config=config, dtype=jnp.float32)


@pytest.fixture(scope="module")
def params(model):
    return model.init(KEY, jnp.ones((1, 4), jnp.int32))["params"]


def run(model, params, sampling, key=KEY):
    """The tokens `[B, N]` of gemma's loop from one start."""
    loop = _sampler_loop.SamplerLoop(
        model=model,
        end_tokens=(V + 1,),
        forbidden_tokens=None,
        sampling=sampling,
        cache_length=ROOM,
        special_tokens=None,  # type: ignore[arg-type]
    )
    start = _sampler_loop.SamplingState(
        step=jnp.asarray(0),
        done=jnp.zeros(B, bool),
        last_token=jnp.array([3, 7]),
        last_token_pos=jnp.zeros(B, jnp.int32),
        predicted_tokens=jnp.zeros((B, N), jnp.int32),
        cache=model.init_cache(batch_size=B, dtype=jnp.float32, cache_length=ROOM),
        rng=key,
        init_cache_length=jnp.asarray(0),
        full_attention_mask=jnp.ones((B, ROOM), bool),
    )
    after = loop.sample(params=params, init_state=start, max_new_tokens=jnp.asarray(N))
    return np.asarray(after.predicted_tokens)


def test_a_greedy_sampler_equals_gemmas_greedy(model, params):
    ours = run(model, params, Sampling(sampler=TopK(1)))
    np.testing.assert_array_equal(ours, run(model, params, gm.text.Greedy()))


def test_the_sampler_draws_every_token(model, params):
    """A loop over the same logits in Python draws the same tokens."""
    sampler = chain(EntropyTemperature(0.9, 0.1), TopK(20), MinP(0.05))
    drawn = run(model, params, Sampling(sampler=sampler))
    tokens, key = jnp.array([[3], [7]]), KEY
    apply = jax.jit(model.apply)
    for n in range(N):
        count = tokens.shape[1]
        mask = jnp.broadcast_to(jnp.tril(jnp.ones((count, count), bool)), (B, count, count))
        positions = jnp.broadcast_to(jnp.arange(count), tokens.shape)
        out = apply({"params": params}, tokens, positions=positions, attention_mask=mask)
        key, now = jax.random.split(key)
        new = sample_rows(now, out.logits[:, -1], sampler)
        np.testing.assert_array_equal(new, drawn[:, n])
        tokens = jnp.concatenate([tokens, new[:, None]], axis=1)


class Counting(Sampling):
    """It counts how often gemma traces its loop."""

    traces = 0

    def get_next_tokens(self, logits, rng):
        Counting.traces += 1
        return super().get_next_tokens(logits, rng)


def test_equal_samplers_compile_once(model, params):
    Counting.traces = 0
    run(model, params, Counting(sampler=chain(MinP(0.05))))
    once = Counting.traces
    run(model, params, Counting(sampler=chain(MinP(0.05))))
    assert Counting.traces == once > 0
    run(model, params, Counting(sampler=chain(MinP(0.06))))
    assert Counting.traces == 2 * once, "gemma keeps values static"


def test_an_invalid_row_stops_the_loop_or_draws_an_id(model, params):
    broken = jax.tree.map(lambda x: x * jnp.nan, params)
    with pytest.raises(Exception, match="the logits of 2 of 2 rows are invalid"):
        run(model, broken, Sampling(sampler=TopK(1)))
    drawn = run(model, broken, Sampling(sampler=TopK(1), invalid=5))
    assert (drawn == 5).all()


def test_a_sampler_with_state_is_refused():
    with pytest.raises(ValueError, match="gemma's loop keeps no state between tokens"):
        Sampling(sampler=chain(Mirostat(5.0, 0.1)))
