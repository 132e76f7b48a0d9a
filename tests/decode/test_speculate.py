"""`speculate` has the tokens, records and state of `generate`, for any chain and any draft."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    XTC,
    Draft,
    Model,
    ModelOutput,
    Next,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    by_model,
    chain,
    generate,
    lookup,
    resume,
    speculate,
    stack,
)
from tests import toys
from tests.decode.models import RECURRENT, TABLE, TABLE_PARAMS, V, recurrent_params

KEY = jax.random.key(5)
PROMPTS = np.array([[3, 1, 4, 1], [5, 9, 0, 0], [2, 6, 5, 0], [8, 0, 0, 0]], np.int32)
N = 14
COMMON = dict(
    lengths=np.array([4, 2, 3, 1], np.int32),
    max_new_tokens=N,
    max_length=40,
    budget=np.array([40, 40, 5, 14]),
    record=("logprobs", "entropy", "kept", ("support", 5), ("top", 3)),
)
ENDS = dict(eos=(7, 30), stop=[[11, 12], [40]])
REWINDS = TABLE._replace(rewinds=True)
CACHELESS = Model(
    lambda batch, length: (), lambda p, t, i, c: ModelOutput(p[t], None, c), rewinds=True
)
STATEFUL = chain(
    RepetitionPenalty(1.2),
    toys.Counts(0.7),
    Temperature(0.8),
    XTC(0.05, 0.5),
    toys.Nucleus(0.95, 0.98),
)


def near(params, size):
    """Weights of a worse model, the worse the larger `size`."""
    noise = jax.random.normal(jax.random.key(1), TABLE_PARAMS.shape)
    return params + size * noise


def _random(params, state, ahead, next):
    """Propose tokens at random, some of them outside of the vocabulary."""
    keys = jax.vmap(jax.random.fold_in)(state, next.n)
    return jax.vmap(lambda key: jax.random.randint(key, (ahead,), -3, V + 3))(keys), state


RANDOM = Draft(
    lambda params, prompts, lengths, max_length: jax.random.split(KEY, prompts.shape[0]),
    _random,
    lambda params, state, tokens, positions: state,
)
DRAFTS = {
    "perfect": (by_model(TABLE), TABLE_PARAMS),
    "good": (by_model(REWINDS), near(TABLE_PARAMS, 0.5)),
    "bad": (by_model(TABLE), near(TABLE_PARAMS, 4.0)),
    "random": (RANDOM, None),
    "lookup": (lookup(), None),
}


def both(sampler, draft, model=REWINDS, params=TABLE_PARAMS, ahead=3, **changes):
    options = COMMON | changes
    made, weights = DRAFTS[draft] if isinstance(draft, str) else draft
    expected = generate(KEY, model, params, PROMPTS, sampler, **options)
    given = dict(draft=made, draft_params=weights, ahead=ahead)
    return expected, speculate(KEY, model, params, PROMPTS, sampler, **given, **options)


def same(expected, found):
    """Compare all but the cache, which may hold proposals that no position sees."""

    def seen(generation):
        return generation._replace(decoding=generation.decoding._replace(cache=None))

    def equal(a, b):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)

    jax.tree.map(equal, seen(expected), seen(found))


def most(names, quick):
    """All of the names, the others than `quick` marked `full`."""
    return [pytest.param(n, marks=[] if n in quick else pytest.mark.full) for n in names]


@pytest.mark.parametrize("draft", most(DRAFTS, ["good", "random"]))
def test_any_draft_gives_the_generation_of_generate(draft):
    same(*both(chain(RepetitionPenalty(1.2), TopK(9)), draft, record=("kept",), **ENDS))


@pytest.mark.full
@pytest.mark.parametrize("draft", ["good", "lookup"])
def test_state_records_and_endings(draft):
    same(*both(STATEFUL, draft, **ENDS))


@pytest.mark.full
@pytest.mark.parametrize("ahead", [1, 30])
def test_any_number_of_proposals(ahead):
    same(*both(TopK(5), "good", ahead=ahead, record=()))


@pytest.mark.full
def test_a_model_that_does_not_rewind_reads_what_was_right_again():
    params = recurrent_params()
    draft = by_model(RECURRENT), jax.tree.map(lambda x: 0.9 * x, params)
    given = dict(model=RECURRENT, params=params, **ENDS)
    # Its products over several columns are rounded in another order than over one.
    expected, found = both(chain(Temperature(0.8), TopP(0.9)), draft, record=(), **given)
    np.testing.assert_array_equal(expected.tokens, found.tokens)
    np.testing.assert_allclose(expected.decoding.cache, found.decoding.cache, atol=1e-5)
    np.testing.assert_allclose(expected.decoding.hidden, found.decoding.hidden, atol=1e-5)


@pytest.mark.full
def test_samples_and_a_sampler_for_each_row():
    sampler = stack([chain(Temperature(t), TopP(0.9)) for t in (0.5, 0.8, 1.0, 2.0)])
    same(*both(sampler, "good", samples=2, sampler_axes=0, record=()))


def test_what_comes_out_goes_on():
    """Proposals that were wrong are still in the cache, where no later token sees them."""
    sampler = chain(RepetitionPenalty(1.2), TopK(9))
    more = dict(max_new_tokens=9, record=())
    found = [
        resume(REWINDS, TABLE_PARAMS, out.decoding, sampler, **more).tokens
        for out in both(sampler, "good", record=("kept",), **ENDS)
    ]
    np.testing.assert_array_equal(*found)


def test_rows_that_turn_invalid():
    params = TABLE_PARAMS.at[3].set(jnp.nan)
    sampler = chain(RepetitionPenalty(1.2), TopK(9))
    expected, found = both(sampler, "good", params=params, record=("kept",), **ENDS)
    assert expected.invalid.any()
    same(expected, found)


@pytest.mark.full
def test_a_perfect_draft_needs_few_rounds():
    """Each round keeps what was foreseen: 14 tokens by 1 + 6 a round are 2 rounds."""
    rounds = []

    def apply(params, tokens, positions, cache):
        if tokens.shape[1] > 4:
            jax.debug.callback(lambda: rounds.append(None))
        return TABLE.apply(params, tokens, positions, cache)

    model = REWINDS._replace(apply=apply)
    both(TopK(5), "perfect", model=model, ahead=6, budget=None, record=())
    jax.effects_barrier()
    assert len(rounds) == 2


def test_a_row_that_turns_invalid_later():
    """A token of -1 is no hit of a proposal that is not there."""
    chained = 9 * jax.nn.one_hot(jnp.arange(1, V + 1) % V, V)
    params = chained.at[4].set(jnp.nan)
    common = dict(max_new_tokens=3, max_length=20)
    given = params, jnp.array([[1]]), TopK(1)
    expected = generate(KEY, CACHELESS, *given, **common)
    drafted = dict(draft=by_model(CACHELESS), draft_params=params)
    found = speculate(KEY, CACHELESS, *given, **drafted, **common)
    assert found.tokens.tolist() == [[2, 3, 4]] and not found.decoding.done.any()
    later = resume(CACHELESS, params, found.decoding, TopK(1), max_new_tokens=2)
    assert later.invalid.all() and later.tokens.tolist() == [[-1, 0]]
    jax.tree.map(np.testing.assert_array_equal, expected.decoding.logits, found.decoding.logits)


def test_lookup_copies_what_followed_the_longest_and_latest_like_place():
    draft = lookup(3)
    text = jnp.array([[1, 2, 3, 9, 8, 2, 3, 7, 1, 2, 3, 5, 0, 2, 3]])
    state = draft.init(None, text[:, :13], jnp.array([13]), 20)
    state = draft.keep(None, state, text[:, 13:], jnp.array([[13, -1]]))
    next_ = _next(token=3, position=14)
    # "0 2 3" was never read, "2 3" last before 5.
    assert draft.propose(None, state, 4, next_)[0].tolist() == [[5, 0, 2, 3]]
    periodic = draft.init(None, jnp.array([[4, 6]]), jnp.array([2]), 9)
    assert draft.propose(None, periodic, 5, _next(4, 2))[0].tolist() == [[6, 4, 6, 4, 6]]
    assert draft.propose(None, periodic, 3, _next(5, 2))[0].tolist() == [[-1, -1, -1]]


def _next(token, position):
    place = jnp.array([token]), jnp.array([position])
    return Next(*place, keys=None, n=None, sampler=None, state=None, axes=None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(draft=3), "draft must be lookup"),
        (dict(ahead=0), "ahead must be"),
        (dict(eos=V), "eos must be"),
    ],
    ids=str,
)
def test_a_wrong_argument(change, said):
    given = dict(draft=lookup(), ahead=2, max_new_tokens=3) | change
    with pytest.raises(ValueError, match=said):
        speculate(KEY, REWINDS, TABLE_PARAMS, PROMPTS, TopK(3), **given)


def test_one_trace_for_all_settings(counted):
    model = REWINDS._replace(apply=counted(TABLE.apply))
    common = dict(draft=lookup(), max_new_tokens=4)
    for i, (temperature, eos) in enumerate([(0.5, (1, 2)), (2, (3, 4)), (np.float64(1), (5, 6))]):
        speculate(KEY, model, TABLE_PARAMS, PROMPTS, Temperature(temperature), eos=eos, **common)
        if i == 0:
            before = model.apply.traces
    assert model.apply.traces == before
