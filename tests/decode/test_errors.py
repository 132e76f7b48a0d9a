"""Bad input gets one clear error that names the value and the remedy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    Model,
    ModelOutput,
    Temperature,
    TopK,
    TopP,
    chain,
    generate,
    prefill,
    resume,
    score,
    stack,
    stream,
)
from tests import toys
from tests.decode.models import TABLE, TABLE_PARAMS, D

PROMPTS = np.array([[3, 1, 4], [5, 9, 0]], np.int32)


def call(prompts=PROMPTS, sampler=None, function=generate, key=None, model=TABLE, **options):
    options = dict(max_new_tokens=4) | options
    key = jax.random.key(0) if key is None else key
    return function(key, model, TABLE_PARAMS, prompts, sampler or chain(), **options)


BAD = {
    "prompts must be integers": dict(prompts=np.zeros((2, 3))),
    "prompts must be integers [B, P]": dict(prompts=np.zeros(3, int)),
    "at least one row and one token": dict(prompts=np.zeros((2, 0), int)),
    "lengths must be in 1..3, got [0, 2]": dict(lengths=[0, 2]),
    "lengths must be in 1..3, got [4, 2]": dict(lengths=[4, 2]),
    "lengths must be integers [2]": dict(lengths=[1, 2, 3]),
    "budget must be integers [2]": dict(budget=[1.5, 2]),
    "max_new_tokens must be an int >= 1, got 0": dict(max_new_tokens=0),
    "max_new_tokens must be an int >= 1, got 1.5": dict(max_new_tokens=1.5),
    "max_length must be at least the prompts' 3, got 2": dict(max_length=2),
    "samples must be an int >= 1, got 0": dict(samples=0),
    "eos must be a token id": dict(eos=1.5),
    "stop takes sequences of 1 to 32 token ids, got []": dict(stop=[[]]),
    "belongs in eos": dict(stop=[3]),
    "stop takes sequences of 1 to 32": dict(stop=[list(range(33))]),
    "record takes 'logprobs'": dict(record=("logprob",)),
    "got ('support', 0)": dict(record=(("support", 0),)),
    "got 'surprise'": dict(record="surprise"),
    "stop takes sequences of 1 to 32 token ids, got [-1]": dict(stop=[[-1]]),
    "pad must be a token id": dict(pad=1.5),
    "eos must be a token id or a sequence of them, got 'a'": dict(eos="a"),
    "got None": dict(record=None),
    "pad shorter ones on the right and pass lengths": dict(prompts=[[1, 2], [3]]),
    "max_length must be an int >= 1, got 9.5": dict(max_length=9.5),
    "the sampler must be a Transform, such as chain(...)": dict(sampler=[TopK(3)]),
    "key must be a PRNG key": dict(key=jnp.float32(3)),
    "key must be one key or 2 row keys": dict(key=jax.random.split(jax.random.key(0), 3)),
    "sampler_axes (0, 0) needs a chain of 2": dict(sampler=TopK(3), sampler_axes=(0, 0)),
    "leading axis of 2 rows on every leaf": dict(sampler=TopK(3), sampler_axes=0),
    "sampler_axes must be None, 0": dict(sampler=TopK(3), sampler_axes=1),
    "use jax.vmap over the sampler, or sampler_axes=0": dict(
        sampler=stack([Temperature(0.5), Temperature(1.0)])
    ),
    "number per hyperparameter, got shape [2]": dict(sampler=stack([TopK(1), TopK(2)])),
    "a row needs one number for each hyperparameter": dict(sampler=stack([TopP(0.1), TopP(0.2)])),
    "Learned needs hidden": dict(sampler=toys.Learned.of(D)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments_of_generate(message):
    with pytest.raises(ValueError, match=".*") as raised:
        call(**BAD[message])
    assert message in str(raised.value)


def test_a_stream_complains_at_the_call():
    with pytest.raises(ValueError, match="chunk must be an int >= 1, got 0"):
        call(function=stream, chunk=0)
    with pytest.raises(ValueError, match="eos must be a token id"):
        call(function=stream, eos=1.5)
    with pytest.raises(ValueError, match="record takes"):
        call(function=stream, record=("surprise",))


def test_a_model_without_logits_needs_unembed():
    silent = Model(TABLE.init_cache, lambda p, t, x, c: ModelOutput(None, jnp.zeros((2, 3, 1)), c))
    with pytest.raises(ValueError, match="needs hidden states and unembed"):
        call(model=silent)


def test_apply_must_return_a_model_output():
    bare = Model(TABLE.init_cache, lambda p, t, x, c: (p[t], None, c))
    with pytest.raises(ValueError, match="must return a ModelOutput, got tuple"):
        call(model=bare)


def test_eos_as_checkpoints_carry_it():
    plain = call(eos=(7, 9)).tokens
    for eos in ([7, 9], {9, 7}, np.array([7, 9]), [jnp.int32(7), 9]):
        np.testing.assert_array_equal(call(eos=eos).tokens, plain)
    np.testing.assert_array_equal(call(eos=None).tokens, call().tokens)
    np.testing.assert_array_equal(jax.jit(lambda e: call(eos=[e, e + 2]).tokens)(7), plain)


def test_resume_and_score():
    d = prefill(jax.random.key(0), TABLE, TABLE_PARAMS, PROMPTS, TopP(0.9), max_length=9)
    with pytest.raises(ValueError, match="samples must divide the 2 rows"):
        resume(TABLE, TABLE_PARAMS, d, TopP(0.9), max_new_tokens=2, samples=3)
    with pytest.raises(ValueError, match=r"tokens must be integers \[2, N\]"):
        score(TABLE, TABLE_PARAMS, PROMPTS, np.zeros((3, 4), int), TopP(0.9))
    with pytest.raises(ValueError, match=r"token_lengths must be in 0..4, got \[5, 1\]"):
        score(TABLE, TABLE_PARAMS, PROMPTS, np.zeros((2, 4), int), TopP(0.9), token_lengths=[5, 1])
