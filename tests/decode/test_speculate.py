"""`speculate` has the tokens, records and state of `generate`, for any chain and any draft."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    XTC,
    Draft,
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
from tests import table, toys
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
    for one in (expected, found):
        assert one.decoding.cache.shape == (4, 40) or one.decoding.cache.ndim
    expected, found = (
        x._replace(decoding=x.decoding._replace(cache=None)) for x in (expected, found)
    )

    def equal(a, b):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)

    jax.tree.map(equal, expected, found)


@pytest.mark.parametrize("draft", DRAFTS)
def test_any_draft_gives_the_generation_of_generate(draft):
    same(*both(STATEFUL, draft, **ENDS))


@pytest.mark.parametrize("ahead", [1, 7, pytest.param(30, marks=pytest.mark.full)])
def test_any_number_of_proposals(ahead):
    same(*both(TopK(5), "good", ahead=ahead))


@pytest.mark.parametrize("draft", ["good", "random"])
@table.structures([*table.ATOMS, *table.CHAINS])
@pytest.mark.full
def test_any_transform(case, draft):
    sampler = case.sampler
    if case.needs_hidden if hasattr(case, "needs_hidden") else False:
        pytest.skip("the table model has no hidden state")
    same(*both(sampler, draft, record=("logprobs",), **ENDS))


def test_a_model_that_does_not_rewind_reads_what_was_right_again():
    params = recurrent_params()
    draft = by_model(RECURRENT), jax.tree.map(lambda x: 0.9 * x, params)
    given = dict(model=RECURRENT, params=params, **ENDS)
    # Its products over several columns are rounded in another order than over one.
    expected, found = both(chain(Temperature(0.8), TopP(0.9)), draft, record=(), **given)
    np.testing.assert_array_equal(expected.tokens, found.tokens)
    np.testing.assert_allclose(expected.decoding.cache, found.decoding.cache, atol=1e-5)
    np.testing.assert_allclose(expected.decoding.hidden, found.decoding.hidden, atol=1e-5)


def test_samples_and_a_sampler_for_each_row():
    sampler = stack([chain(Temperature(t), TopP(0.9)) for t in (0.5, 0.8, 1.0, 2.0)])
    same(*both(sampler, "good", samples=2, sampler_axes=0))


def test_what_comes_out_goes_on():
    expected, found = both(STATEFUL, "good", budget=None)
    more = dict(max_new_tokens=9, record=())
    expected, found = (
        resume(REWINDS, TABLE_PARAMS, x.decoding, STATEFUL, **more).tokens
        for x in (expected, found)
    )
    np.testing.assert_array_equal(expected, found)


def test_rows_that_turn_invalid():
    params = TABLE_PARAMS.at[3].set(jnp.nan)
    expected, found = both(Temperature(1.5), "good", params=params)
    assert expected.invalid.any()
    same(expected, found)


def test_a_perfect_draft_needs_few_rounds(counted):
    """Each round keeps what was foreseen: 14 tokens by 1 + 6 a round are 2 rounds."""
    rounds = []

    def apply(params, tokens, positions, cache):
        if tokens.shape[1] > 4:
            jax.debug.callback(lambda: rounds.append(None))
        return TABLE.apply(params, tokens, positions, cache)

    model = REWINDS._replace(apply=apply)
    both(TopP(0.9), "perfect", model=model, ahead=6, budget=None)
    jax.effects_barrier()
    assert len(rounds) == 2


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
    from jaxsample import Next

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
