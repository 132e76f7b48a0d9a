"""`rollout` has the tokens and records of one `generate` over all prompts."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    XTC,
    Mirostat,
    Model,
    ModelOutput,
    RepetitionPenalty,
    Request,
    SynthID,
    Temperature,
    TopK,
    TopP,
    chain,
    generate,
    rollout,
    stack,
)
from tests import toys
from tests.decode.models import RECURRENT, TABLE, TABLE_PARAMS, V, recurrent_params

KEY = jax.random.key(3)
COUNT, L, N = 19, 40, 20
RNG = np.random.default_rng(0)
PROMPTS = [RNG.integers(0, V, RNG.integers(1, 30)).astype(np.int32) for _ in range(COUNT)]
LENGTHS = np.array([len(prompt) for prompt in PROMPTS])
PADDED = np.stack([np.pad(prompt, (0, 30 - len(prompt))) for prompt in PROMPTS])
RECORD = ("logprobs", "entropy", "kept", ("support", 5), ("top", 3))
STATEFUL = chain(
    RepetitionPenalty(1.2),
    toys.Counts(0.7),
    Temperature(1.1),
    XTC(0.05, 0.5),
    toys.Nucleus(0.95, 0.98),
)
COMMON = dict(max_length=L, max_new_tokens=N, record=RECORD, eos=(7, 30), stop=[[11, 12], [40]])


def rolled(sampler=STATEFUL, prompts=PROMPTS, model=TABLE, params=TABLE_PARAMS, key=KEY, **changes):
    options = dict(slots=5, widths=(8, 16), refill=2, chunk=4) | COMMON | changes
    return rollout(key, model, params, iter(prompts), sampler, **options)


def whole(sampler=STATEFUL, model=TABLE, params=TABLE_PARAMS, key=KEY, **changes):
    options = dict(lengths=LENGTHS) | COMMON | changes
    found = generate(key, model, params, PADDED, sampler, **options)
    return jax.device_get(found._replace(decoding=None))


# XLA of jax 0.8 sums the log-probabilities of these two programs in another order.
ROUNDED = 4e-7 if jax.__version_info__ < (0, 9) else 0


def same(finished, expected, at):
    n = expected.lengths[at]
    assert finished.tokens.dtype == np.int32
    np.testing.assert_array_equal(finished.tokens, expected.tokens[at][:n])

    def alike(a, b):
        rounded = np.issubdtype(a.dtype, np.floating)
        np.testing.assert_allclose(a, b[at][:n], rtol=ROUNDED if rounded else 0)

    for name in ("logprobs", "model_logprobs", "entropy", "kept", "support", "top"):
        jax.tree.map(alike, getattr(finished, name), getattr(expected, name))
    assert finished.invalid == expected.invalid[at]
    assert finished.invalid_logits == expected.invalid_logits[at]


SHAPES = [
    dict(),
    dict(slots=8, refill=None, chunk=32, widths=(64,)),
    dict(slots=COUNT, refill=COUNT, chunk=7, widths=(4,)),
    dict(slots=1, refill=1, chunk=1000),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_item_is_its_row_of_generate(shape):
    expected = whole()
    found = list(rolled(**shape))
    assert sorted(finished.index for finished in found) == list(range(COUNT))
    for finished in found:
        same(finished, expected, finished.index)


def test_samples():
    expected = whole(samples=3)
    found = {(finished.index, finished.sample): finished for finished in rolled(samples=3)}
    assert sorted(found) == list(itertools.product(range(COUNT), range(3)))
    for at, finished in found.items():
        same(finished, expected, at)


def test_a_rollout_goes_on_where_one_ended():
    expected = whole(samples=3)
    missing = {4: [1], 0: [2, 0], 11: [0, 1, 2]}
    requests = [Request(PROMPTS[i], index=i, samples=some) for i, some in missing.items()]
    found = list(rolled(prompts=requests, samples=3))
    places = sorted((finished.index, finished.sample) for finished in found)
    assert places == sorted((i, g) for i, some in missing.items() for g in some)
    for finished in found:
        same(finished, expected, (finished.index, finished.sample))


@pytest.mark.parametrize(
    "request_, said",
    [
        (Request(PROMPTS[0], index=-1), "index must be an int in 0"),
        (Request(PROMPTS[0], samples=[2]), "samples must be different numbers below the samples=2"),
        (Request(PROMPTS[0], samples=[1, 1]), "samples must be different numbers"),
        (Request(PROMPTS[0], samples=[]), "samples must be different numbers"),
    ],
)
def test_a_wrong_place_is_refused(request_, said):
    with pytest.raises(ValueError, match=said):
        list(rolled(prompts=[request_], samples=2))


def test_budgets_and_a_sampler_for_each_prompt():
    samplers = [
        chain(Temperature(0.5 + i / 10), TopP(0.9), Mirostat(3.0, 0.1)) for i in range(COUNT)
    ]
    budgets = np.arange(COUNT) % 6
    expected = whole(stack(samplers), sampler_axes=0, budget=budgets)
    requests = map(Request, PROMPTS, samplers, budgets)
    for finished in rolled(None, requests):
        same(finished, expected, finished.index)


@pytest.mark.full
def test_a_recurrent_model():
    given = dict(model=RECURRENT, params=recurrent_params(), record=("kept",))
    expected = whole(TopK(5), **given)
    for finished in rolled(TopK(5), **given):
        np.testing.assert_array_equal(
            finished.tokens, expected.tokens[finished.index][: expected.lengths[finished.index]]
        )


def test_rows_that_turn_invalid():
    params = TABLE_PARAMS.at[3].set(jnp.nan)  # the logits after token 3
    expected = whole(params=params)
    assert expected.invalid.any() and not expected.invalid.all()
    for finished in rolled(params=params):
        same(finished, expected, finished.index)


def test_prompts_are_taken_when_there_is_room():
    taken = []
    prompts = (taken.append(i) or prompt for i, prompt in enumerate(PROMPTS))
    running = rolled(prompts=prompts)
    next(running)
    assert len(taken) <= 5 + 2
    running.close()
    assert len(taken) <= 5 + 2


def test_results_come_before_the_last_prompt_is_read():
    order = []
    prompts = (order.append(("prompt", i)) or prompt for i, prompt in enumerate(PROMPTS))
    for finished in rolled(prompts=prompts):
        order.append(("finished", finished.index))
    assert order.index(("prompt", COUNT - 1)) > min(
        place for place, (kind, _) in enumerate(order) if kind == "finished"
    )


def failing(good):
    yield from PROMPTS[:good]
    raise KeyError("no such file")


WRONG = {
    "the iterable": (failing(7), KeyError, "no such file", 7),
    "an id": ([*PROMPTS[:3], [V]], ValueError, f"in 0..{V - 1}, got {V}", 3),
    "nothing": ([[]], ValueError, "at least one token", 0),
    "too long": ([*PROMPTS[:2], [1] * 41], ValueError, "has 41 tokens, max_length is 40", 2),
    "a sampler twice": ([Request([1], TopK(3))], ValueError, "or None", 0),
    "a budget": ([[1], Request([1], budget=-1)], ValueError, "budget must be", 1),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_comes_after_what_was_begun_and_names_the_prompt(name):
    prompts, kind, said, index = WRONG[name]
    found = []
    with pytest.raises(kind, match=said) as caught:
        for finished in rolled(prompts=prompts):
            found.append(finished.index)
    assert caught.value.__notes__ == [f"this happened at prompt {index} of the rollout"]
    assert sorted(found) == list(range(index))


OTHER = {
    "structure": (TopK(3), TopP(0.5)),
    "shapes": (SynthID(keys=[1, 2]), SynthID(keys=[7])),
}


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.parametrize("refill", [1, 2])
def test_a_sampler_that_does_not_fit_the_first(name, refill):
    """Else its arrays would be broadcast in silence."""
    first, second = OTHER[name]
    found = []
    with pytest.raises(ValueError, match="one structure, and arrays of the same shapes") as caught:
        requests = [Request([1], first), Request([1], second)]
        for finished in rolled(None, requests, refill=refill, slots=2):
            found.append(finished.index)
    assert caught.value.__notes__ == ["this happened at prompt 1 of the rollout"]
    assert found == [0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(slots=0), "slots must be"),
        (dict(budget=-1), "budget must be an int in"),
        (dict(refill=6), "refill must be at most the 5 slots"),
        (dict(widths=()), "widths must be a sequence"),
        (dict(sampler=3), "must be a Transform"),
        (dict(record=("nothing",)), "record takes"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_refused_at_the_call(change, said):
    with pytest.raises(ValueError, match=said):
        rolled(**change)


def test_params_may_change_meanwhile():
    """The function of the weights is asked before every chunk."""
    looks = []

    def params():
        looks.append(None)
        return TABLE_PARAMS

    expected = whole()
    for finished in rolled(params=params):
        same(finished, expected, finished.index)
    assert len(looks) > 3


def test_one_trace_for_all_prompts_and_settings(counted):
    model = TABLE._replace(apply=counted(TABLE.apply))
    list(rolled(model=model))
    before = model.apply.traces
    for temperature in (0.5, 1, 2.0):
        sampler = STATEFUL.replace(2, Temperature(temperature))
        list(rolled(sampler, PROMPTS[:7], model, eos=(1, 2)))
    assert model.apply.traces == before


@pytest.mark.full
def test_a_cache_of_several_leaves_and_hidden_states():
    def apply(params, tokens, positions, cache):
        out = TABLE.apply(params, tokens, positions, cache["text"])
        return ModelOutput(out.logits, out.logits[..., :4], {"text": out.cache, "n": cache["n"]})

    model = Model(lambda b, n: {"text": TABLE.init_cache(b, n), "n": jnp.zeros(b)}, apply)
    expected = whole(TopK(5))
    for finished in rolled(TopK(5), model=model):
        same(finished, expected, finished.index)
