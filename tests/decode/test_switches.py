"""Decoding and training give the same results under JAX's switches."""

import functools
import itertools

import jax
import numpy as np
import pytest

import jaxsample_models
from jaxsample import (
    DRY,
    XTC,
    Guidance,
    RepetitionPenalty,
    Temperature,
    TopP,
    beam,
    best,
    chain,
    generate,
    guided,
    prefill,
    resume,
    sample_evenly,
    sample_without_replacement,
    score,
    stack,
    step,
    stream,
)
from jaxsample.learn import Examples, fit
from tests.decode.models import TABLE, TABLE_PARAMS
from tests.table import swept

KEY = jax.random.key(5)
PROMPTS = np.array([[3, 1, 4], [5, 9, 0]])
SAMPLER = chain(
    RepetitionPenalty(1.3), DRY(1.0, 1.5, 1), Temperature(0.8), TopP(0.9), XTC(0.1, 0.5)
)
OPTIONS = dict(lengths=[3, 2], budget=[4, 3], max_length=8)
ENDS = dict(eos=[7], stop=[[3, 4]], pad=60)
PER_ROW = stack([TopP(0.9), TopP(0.5)])

# jax_debug_infs cannot be used: dropped tokens are -inf.
SWITCHES = {
    "jax_numpy_rank_promotion=raise": lambda: jax.numpy_rank_promotion("raise"),
    "jax_numpy_dtype_promotion=strict": lambda: jax.numpy_dtype_promotion("strict"),
    "jax_transfer_guard=disallow": lambda: jax.transfer_guard("disallow"),
    "jax_debug_nans": lambda: jax.debug_nans(True),
    "jax_enable_x64": lambda: jax.enable_x64(True),
    "jax_log_compiles": lambda: jax.log_compiles(True),
    "jax_check_tracer_leaks": lambda: jax.checking_leaks(),
}


def generating():
    record = ("logprobs", "entropy", "kept", ("support", 5), ("top", 2))
    options = dict(max_new_tokens=4, record=record) | OPTIONS | ENDS
    return generate(KEY, TABLE, TABLE_PARAMS, PROMPTS, SAMPLER, **options)[:-1]


def streaming():
    options = dict(max_new_tokens=4, samples=2, sampler_axes=0, chunk=2) | OPTIONS | ENDS
    parts = stream(KEY, TABLE, TABLE_PARAMS, PROMPTS, PER_ROW, **options)
    return [part.tokens for part in parts]


def scoring():
    tokens = np.array([[5, 6, 7, 8], [8, 7, 6, 5]])
    options = dict(token_lengths=[4, 2], key=KEY) | OPTIONS
    return score(TABLE, TABLE_PARAMS, PROMPTS, tokens, SAMPLER, **options)


def searching():
    given = TABLE, TABLE_PARAMS, PROMPTS, chain(RepetitionPenalty(1.3), TopP(0.9))
    common = dict(max_new_tokens=3, lengths=[3, 2], eos=[7, 9], record=("logprobs", ("top", 2)))
    beams = beam(*given, beams=3, length_penalty=2, returned=2, **common)
    distinct = sample_without_replacement(KEY, *given, samples=3, **common)
    evenly = sample_evenly(KEY, *given, samples=3, **common)
    return beams, distinct, best(evenly, np.array([[1, 2, 3], [3, 2, 1]]))[:-1]


def guiding():
    """Params, the combiner and the decoding to resume may come as numpy too."""
    combiner, prompts = Guidance(1.5), np.stack([PROMPTS, PROMPTS[:, ::-1]], 1)
    model, params = guided(TABLE, combiner), (np.asarray(TABLE_PARAMS), combiner)
    decoding = prefill(KEY, model, params, prompts, TopP(0.9), max_length=8)
    decoding = decoding._replace(n=np.zeros(2, np.int32))
    decoding, first = step(model, params, decoding, TopP(0.9))
    rest = resume(model, params, decoding, TopP(0.9), max_new_tokens=2)
    return first.tokens, rest.tokens


@functools.cache
def checkpoint():
    return jaxsample_models.embedded()


def bundled():
    model, params = checkpoint().model, checkpoint().params
    return generate(KEY, model, params, PROMPTS, TopP(0.9), max_new_tokens=3)[:-1]


def training():
    examples = Examples(np.array([[1, 2], [3, 4]]), prompts=np.array([[5], [6]]))
    sampler = chain(Temperature(1.5), TopP(0.9))
    return fit(KEY, sampler, TABLE, TABLE_PARAMS, examples, steps=2, batch_size=2).sampler


WORK = {
    "generate": generating,
    "stream": streaming,
    "score": scoring,
    "search": searching,
    "guided, step and resume": guiding,
    "the bundled model": bundled,
    "fit": training,
}


@pytest.fixture(scope="module")
def plain():
    """Return the result of a workload without a switch, computed once."""
    found = {}
    return lambda name: found[name] if name in found else found.setdefault(name, WORK[name]())


GUARD = "jax_transfer_guard=disallow"
EVERY = list(itertools.product(WORK, SWITCHES))
QUICK = [(name, switch) for name, switch in EVERY if name == "generate"]
QUICK += [(name, GUARD) for name in ("score", "stream", "guided, step and resume")]


@pytest.mark.parametrize("name, switch", swept(EVERY, QUICK))
def test_results_are_the_same_under_the_switch(name, switch, plain):
    expected = jax.device_get(plain(name))
    with SWITCHES[switch]():
        got = jax.device_get(WORK[name]())
    # Sums may round differently in another compiled program.
    compare = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # noqa: E731
    jax.tree.map(compare, got, expected)
