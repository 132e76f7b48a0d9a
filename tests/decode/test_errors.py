"""Errors for bad arguments name the value and the remedy."""

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
from jaxsample.decode._records import Support
from tests import toys
from tests.decode.models import TABLE, TABLE_PARAMS, D, V

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
    "stop must be a list of sequences of token ids, got None": dict(stop=None),
    "stop takes sequences of 1 to 32": dict(stop=[list(range(33))]),
    "record takes 'logprobs'": dict(record=("logprob",)),
    "got ('support', 0)": dict(record=(("support", 0),)),
    "got 'surprise'": dict(record="surprise"),
    "stop takes sequences of 1 to 32 token ids, got [-1]": dict(stop=[[-1]]),
    "pad must be a token id": dict(pad=1.5),
    "eos must be token ids in 0..60, got 61": dict(eos=[3, 61]),
    "stop must be token ids in 0..60, got 70": dict(stop=[[3, 70]]),
    "pad must be token ids in 0..60, got -1": dict(pad=-1),
    "('top', 2147483648) asks for more than": dict(record=(("top", 2**31),)),
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
    "a row takes one number per hyperparameter": dict(sampler=stack([TopP(0.1), TopP(0.2)])),
    "Learned needs hidden": dict(sampler=toys.Learned.of(D)),
    "prompts must fit into int32, got 4294967299": dict(prompts=PROMPTS.astype(int) + 2**32),
    "prompts must fit into int32, got 1180591620717411303424": dict(prompts=[[2**70], [1]]),
    "lengths must be in 1..3, got [4294967297, 2]": dict(lengths=[2**32 + 1, 2]),
    "budget must be in 0..2147483647, got [-5, 2]": dict(budget=[-5, 2]),
    "budget must be in 0..2147483647, got -5": dict(budget=-5),
    "budget must be in 0..2147483647, got 4294967296": dict(budget=np.int64(2**32)),
    "eos must fit into int32, got 1099511627776": dict(eos=2**40),
    "eos must fit into int32, got 4294967303": dict(eos=np.array([3, 2**32 + 7])),
    "eos must fit into int32, got 1180591620717411303424": dict(eos=[7, 2**70]),
    "token ids below the size of the vocabulary": dict(eos=np.uint32(2**31)),
    "pad must fit into int32, got 4294967296": dict(pad=2**32),
    "stop must fit into int32, got 4294967297": dict(stop=[[3], [2**32 + 1]]),
    "max_new_tokens must be an int >= 1, got True": dict(max_new_tokens=True),
    "samples must be an int >= 1, got True": dict(samples=True),
    "got ('support', True)": dict(record=(("support", True),)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments_of_generate(message):
    with pytest.raises(ValueError, match=".*") as raised:
        call(**BAD[message])
    assert message in str(raised.value)


def test_wide_integers_on_a_device_do_not_wrap():
    with jax.enable_x64(True):
        for name, wide in {
            "prompts": PROMPTS.astype(int) + 2**32,
            "eos": [2**32 + 7],
            "lengths": 2**32,
        }.items():
            with pytest.raises(ValueError, match=f"{name} must fit into int32, got 42949"):
                call(**{name: jnp.asarray(wide)})


@pytest.mark.parametrize("wrong", [V, V + 7, -1])
def test_token_ids_outside_of_the_vocabulary(wrong):
    prompts = PROMPTS.copy()
    prompts[1, -1] = wrong
    message = rf"prompts must be token ids in 0..{V - 1}, got {wrong}; check that the tokenizer"
    for given in (prompts, prompts.tolist()):
        with pytest.raises(ValueError, match=message):
            call(prompts=given)
        with pytest.raises(ValueError, match=message):
            next(iter(call(function=stream, prompts=given)))
        with pytest.raises(ValueError, match=message):
            jax.jit(lambda p=given: call(prompts=p))()
        with pytest.raises(ValueError, match=message):
            score(TABLE, TABLE_PARAMS, given, np.ones((2, 4), int), TopP(0.9))


def test_ids_of_padding_and_on_a_device_are_not_read():
    prompts = PROMPTS.copy()
    prompts[1, -1] = -1
    lengths = [prompts.shape[1], prompts.shape[1] - 1]
    zero = np.where(prompts < 0, 0, prompts)
    for given in (prompts, jnp.asarray(prompts)):
        got = call(prompts=given, lengths=lengths).tokens
        np.testing.assert_array_equal(got, call(prompts=zero, lengths=lengths).tokens)
    call(prompts=jnp.full_like(prompts, V))


def test_every_integer_type_is_an_integer():
    options = dict(samples=2, record=(("support", 3), ("top", 2)))
    plain = call(**options)
    options = dict(samples=np.int8(2), record=[["support", np.int64(3)], ("top", jnp.int32(2))])
    got = call(max_new_tokens=np.int64(4), max_length=np.uint8(7), budget=np.uint64(9), **options)
    jax.tree.map(np.testing.assert_array_equal, got[:-1], plain[:-1])
    (one,) = call(function=stream, chunk=np.int32(4), **options)
    np.testing.assert_array_equal(one.tokens, plain.tokens)


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
    for wide in (np.full((2, 4), 2**32), [[1, 2**40], [1, 2]]):
        with pytest.raises(ValueError, match="tokens must fit into int32, got"):
            score(TABLE, TABLE_PARAMS, PROMPTS, wide, TopP(0.9))
    tokens, flags = np.ones((2, 4), int), np.zeros((2, 4), bool)
    for ids, message in (
        (np.full((2, 4, 3), 2**32 + 1), "support must fit into int32, got 4294967297"),
        (np.ones((2, 3, 3), int), r"support must have integers ids \[2, 4, 'K'\]"),
        (np.ones((2, 4, 3)), "got float64"),
    ):
        with pytest.raises(ValueError, match=message):
            recorded = Support(ids, flags)
            score(TABLE, TABLE_PARAMS, PROMPTS, tokens, TopP(0.9), support=recorded)
