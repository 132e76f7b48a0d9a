"""New values of hyperparameters, of any number type, never trace again."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import (
    EntropyTemperature,
    MinP,
    Temperature,
    TopK,
    TopP,
    chain,
    generate,
    score,
    stack,
    step,
)
from tests.decode.models import TABLE, TABLE_PARAMS

PROMPTS = np.array([[3, 1, 4], [5, 9, 0]], np.int32)
KINDS = (float, int, np.float32, np.float64, np.int32, jnp.float32, jnp.int32, np.asarray)


def settings():
    """Yield a hundred settings, with the number types in turn."""
    rng = np.random.default_rng(0)
    for i, kind in zip(range(100), itertools.cycle(KINDS), strict=False):
        whole = kind in (int, np.int32, jnp.int32)
        t, t0, theta = rng.integers(1, 4, 3) if whole else rng.uniform(0.3, 2, 3)
        p, m = rng.integers(0, 2, 2) if whole else rng.uniform(0, 1, 2)
        k = [5, 50.0, np.int64(7), np.float32(3), jnp.int32(9), TopK.off][i % 6]
        yield chain(
            Temperature(kind(t)),
            EntropyTemperature(kind(t0), kind(theta)),
            TopK(k),
            TopP(kind(p)),
            MinP(kind(m)),
        )


def counting(counted, table):
    return TABLE._replace(apply=counted(TABLE.apply)), table


def test_one_trace_serves_a_hundred_settings_shared_and_per_row(counted):
    model, table = counting(counted, TABLE_PARAMS)
    hundred = list(settings())

    @jax.jit
    def shared(sampler):
        return generate(jax.random.key(0), model, table, PROMPTS, sampler, max_new_tokens=4).tokens

    @jax.jit
    def per_row(sampler):
        return generate(
            jax.random.key(0), model, table, PROMPTS, sampler, max_new_tokens=4, sampler_axes=0
        ).tokens

    def traced(function, samplers):
        before = model.apply.traces
        function(samplers[0])
        first = model.apply.traces
        outputs = {np.asarray(function(s)).tobytes() for s in samplers}
        assert model.apply.traces == first > before
        return outputs

    # The settings are different, so they must write different tokens.
    assert len(traced(shared, hundred)) > 5
    assert len(traced(per_row, [stack(pair) for pair in itertools.pairwise(hundred)])) > 5


def test_generate_step_and_score_compile_once_without_an_outer_jit(counted):
    model, table = counting(counted, TABLE_PARAMS)

    def everything(i, sampler):
        got = generate(
            jax.random.key(i),
            model,
            table,
            PROMPTS,
            sampler,
            max_new_tokens=3,
            lengths=[3, 1 + i % 2],
            eos=[i, i + 1],
            stop=[[i, 3]],
            pad=i,
            budget=[2, 3],
            max_length=9,
        )
        step(model, table, got.decoding, sampler, eos=i)
        score(model, table, PROMPTS, got.tokens, sampler, token_lengths=[2, 3])

    samplers = list(settings())[:9]
    everything(0, samplers[0])
    first = model.apply.traces
    for i, sampler in enumerate(samplers):
        everything(i, sampler)
    assert model.apply.traces == first
