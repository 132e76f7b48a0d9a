"""`generate` with slots has the output of `generate` without."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    XTC,
    Contrast,
    Mirostat,
    Model,
    ModelOutput,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    best,
    chain,
    generate,
    guided,
    resume,
    stack,
    step,
)
from tests import toys
from tests.decode.models import RECURRENT, TABLE, TABLE_PARAMS, V, recurrent_params
from tests.table import swept

KEY = jax.random.key(3)
COUNT, P, N = 19, 9, 12
RNG = np.random.default_rng(0)
PROMPTS = RNG.integers(0, V, (COUNT, P)).astype(np.int32)
SOMETIMES_INVALID = TABLE_PARAMS.at[25].set(jnp.nan)  # the logits after token 25
STATEFUL = chain(RepetitionPenalty(1.2), toys.Counts(0.7), XTC(0.05, 0.5), Temperature(1.1))
COMMON = dict(
    lengths=RNG.integers(1, P + 1, COUNT).astype(np.int32),
    budget=np.arange(COUNT, dtype=np.int32) % (N + 2),
    max_new_tokens=N,
    max_length=P + N - 3,  # ends some rows before their budget
    record=("logprobs", "kept"),
    eos=(7, 30),
    stop=[[11, 12], [40]],
    pad=2,
)
IN_SLOTS = dict(slots=5, refill=2)  # 19 is no multiple


def decoded(sampler=STATEFUL, model=TABLE, params=SOMETIMES_INVALID, key=KEY, **changes):
    return generate(key, model, params, PROMPTS, sampler, **(COMMON | changes))


def same(found, expected):
    assert found.decoding is None
    jax.tree.map(np.testing.assert_array_equal, found, expected._replace(decoding=None))


@functools.cache
def whole():
    return decoded()


def test_one_program_under_jit_has_the_output_of_generate_for_all_settings(counted):
    assert len(set(whole().lengths.tolist())) > 5 and 0 < whole().invalid.sum() < COUNT
    model = TABLE._replace(apply=counted(TABLE.apply))

    @jax.jit
    def run(key, prompts, sampler, lengths, budget, eos):
        options = COMMON | IN_SLOTS | dict(lengths=lengths, budget=budget, eos=eos)
        return generate(key, model, SOMETIMES_INVALID, prompts, sampler, **options)

    settings = {name: COMMON[name] for name in ("lengths", "budget", "eos")}
    same(run(KEY, PROMPTS, STATEFUL, **settings), whole())
    before = model.apply.traces
    for temperature in (0.5, 2):
        sampler = STATEFUL.replace(3, Temperature(temperature))
        settings |= dict(budget=np.full(COUNT, 5, np.int32), eos=(1, 2))
        same(run(KEY, PROMPTS, sampler, **settings), decoded(sampler, **settings))
    assert model.apply.traces == before


@pytest.mark.full
@pytest.mark.parametrize(
    "shape",
    [
        dict(slots=8, refill=None),
        dict(slots=1, refill=1),
        dict(slots=5, refill=5),
        dict(slots=COUNT + 4, refill=COUNT + 2),
    ],
    ids=str,
)
def test_slots_change_nothing(shape):
    same(decoded(**shape), whole())


TEMPERATURES = [Temperature(0.5 + i / 10) for i in range(COUNT)]
PENALISED = chain(stack(TEMPERATURES), RepetitionPenalty(1.2))
ALL = dict(sampler=stack([chain(t, Mirostat(3.0, 0.1)) for t in TEMPERATURES]), sampler_axes=0)
RECORDS = ("logprobs", "model_logprobs", "entropy", "kept", ("support", 5), ("top", 3))
CASES = {
    "samples, and samplers that differ in one member": dict(
        samples=3, sampler=PENALISED, sampler_axes=(0, None)
    ),
    "samplers that differ": ALL,
    "row keys": dict(key=jax.random.split(KEY, COUNT), sampler=Temperature(0.9)),
    "records": dict(record=RECORDS, sampler=TopP(0.9)),
}


@functools.cache
def in_slots(name):
    return decoded(**CASES[name], **IN_SLOTS)


@pytest.mark.parametrize("name", swept(CASES, list(CASES)[:1]))
def test_arguments_keep_their_meaning(name):
    same(in_slots(name), decoded(**CASES[name]))


def test_best_of_the_samples():
    out = in_slots("samples, and samplers that differ in one member")
    chosen = best(out, out.logprobs.sum(axis=2))
    assert chosen.tokens.shape == (COUNT, N) and chosen.decoding is None


@pytest.mark.full
def test_a_recurrent_model_whose_logits_are_computed_anew():
    given = dict(sampler=Temperature(0.9), model=RECURRENT, params=recurrent_params())
    same(decoded(**given, **IN_SLOTS), decoded(**given))


@pytest.mark.full
def test_a_cache_of_several_leaves_and_hidden_states():
    def apply(params, tokens, positions, cache):
        out = TABLE.apply(params, tokens, positions, cache["text"])
        return ModelOutput(out.logits, out.logits[..., :4], {"text": out.cache, "n": cache["n"]})

    model = Model(lambda b, n: {"text": TABLE.init_cache(b, n), "n": jnp.zeros(b)}, apply)
    same(decoded(Temperature(0.9), model, **IN_SLOTS), decoded(Temperature(0.9)))


def test_the_caches_have_a_row_for_each_slot_and_for_each_prompt_that_is_read():
    words, prompts = 1 << 16, np.zeros((64, 2), np.int32)

    def apply(params, tokens, positions, cache):
        at = jnp.where(positions < 0, words, positions)
        cache = cache.at[jnp.arange(len(cache))[:, None], at].set(1.0, mode="drop")
        # The logits depend on the cache. Otherwise XLA may remove it.
        return ModelOutput(params[tokens] + cache[:, :1, None], None, cache)

    model = Model(lambda batch, _: jnp.zeros((batch, words)), apply)

    def run(params):
        given = KEY, model, params, prompts, Temperature(1.0)
        return generate(*given, max_new_tokens=4, record=(), slots=6, refill=2).tokens

    memory = jax.jit(run).lower(TABLE_PARAMS).compile().memory_analysis()
    rows = memory.temp_size_in_bytes / (4 * words)
    # The rows that enter are held twice: as they were read, and in the order of their slots.
    assert 6 + 2 <= rows <= 6 + 2 * 2 + 1


STREAMS = dict(model=guided(TABLE, Contrast(0.1)), params=(TABLE_PARAMS, Contrast(0.1)))
WRONG = {
    "slots must be an int >= 1, got 0": dict(slots=0),
    "slots must be an int >= 1, got None": dict(refill=2),
    "refill must be at most the 5 slots, got 6": dict(slots=5, refill=6),
    "early_stop=False runs every step": dict(slots=5, early_stop=False),
    "slots is for models of one stream": dict(slots=5, **STREAMS),
    f"eos must be token ids in 0..{V - 1}, got {V}": dict(slots=5, eos=V),
    "max_length must be at least": dict(slots=5, max_length=P - 1),
    "lengths must be in 1..9": dict(slots=5, lengths=P + 1),
}


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_argument(said):
    with pytest.raises(ValueError, match=said):
        decoded(**WRONG[said])


def test_nothing_goes_on_from_slots():
    for go_on in (step, functools.partial(resume, max_new_tokens=2)):
        with pytest.raises(
            ValueError, match="must be a Decoding, got None; generate without slots"
        ):
            go_on(TABLE, TABLE_PARAMS, None, TopK(5))


def test_an_unknown_token_is_refused_before_anything_is_decoded():
    def apply(params, tokens, positions, cache):
        jax.debug.callback(lambda: pytest.fail("the model ran"))
        return TABLE.apply(params, tokens, positions, cache)

    prompts = np.full((3, 2), V)
    given = KEY, TABLE._replace(apply=apply), TABLE_PARAMS, prompts, TopK(5)
    with pytest.raises(ValueError, match=f"prompts must be token ids in 0..{V - 1}, got {V}"):
        generate(*given, max_new_tokens=2, slots=2)
