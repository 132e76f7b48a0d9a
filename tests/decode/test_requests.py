"""Prompts of a rollout with keys, numbers and a common begin of their own."""

import jax
import numpy as np
import pytest

from jaxsample import Request, TopK, generate, prefill, read_common, share
from tests.decode.models import RECURRENT, TABLE, TABLE_PARAMS, recurrent_params
from tests.decode.test_rollout import COUNT, KEY, PROMPTS, rolled, same, whole

KEYS = jax.vmap(jax.random.key)(np.arange(COUNT))


def test_each_prompt_may_bring_its_key():
    requests = [Request(prompt, key=key) for prompt, key in zip(PROMPTS, KEYS, strict=True)]
    expected = whole(key=KEYS)
    for finished in rolled(prompts=requests, key=None):
        same(finished, expected, finished.index)


@pytest.mark.full
def test_the_key_of_a_prompt_makes_those_of_its_samples():
    words = jax.random.key_data(KEYS)
    requests = [Request(prompt, key=key) for prompt, key in zip(PROMPTS, words, strict=True)]
    expected = whole(key=KEYS, samples=2)
    for finished in rolled(prompts=requests, key=None, samples=2):
        same(finished, expected, (finished.index, finished.sample))


@pytest.mark.parametrize("given", [KEY, None])
def test_a_rollout_has_one_key_or_each_prompt_its_own(given):
    request = Request([1], key=None if given is None else KEYS[0])
    with pytest.raises(ValueError, match="one key for all prompts, or None; with None every"):
        list(rolled(prompts=[request], key=given))


def test_a_part_of_the_prompts_with_their_numbers():
    expected = whole()
    some = [2, 3, 11, 17]
    requests = [Request(PROMPTS[index], index=index) for index in some]
    found = {finished.index: finished for finished in rolled(prompts=requests)}
    assert sorted(found) == some
    for index, finished in found.items():
        same(finished, expected, index)


def test_processes_share_all_prompts(monkeypatch):
    """One after the other here; `tests.hosts` runs two."""
    seen = []
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    for process in range(3):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        requests = list(share(iter(PROMPTS), done={4, 5}))
        for request in requests:
            assert request.prompt is PROMPTS[request.index]
        seen += [request.index for request in requests]
    assert sorted(seen) == [index for index in range(COUNT) if index not in (4, 5)]


COMMON = np.arange(9, dtype=np.int32) % 5
AFTER = [np.concatenate([COMMON, prompt[: 4 * i % 23]]) for i, prompt in enumerate(PROMPTS)]
KINDS = {"table": (TABLE, TABLE_PARAMS), "recurrent": (RECURRENT, recurrent_params())}


FULL = [pytest.param(*case, marks=pytest.mark.full) for case in (("table", None), ("recurrent", 2))]


@pytest.mark.parametrize(("kind", "samples"), [("table", 2), ("recurrent", None), *FULL])
def test_what_all_prompts_begin_with_is_read_once(kind, samples):
    model, params = KINDS[kind]
    columns = []

    def apply(params, tokens, positions, cache):
        columns.append(tokens.shape[1])
        return model.apply(params, tokens, positions, cache)

    counting = model._replace(apply=apply)
    given = dict(model=counting, params=params, prompts=AFTER, samples=samples, record=("kept",))
    options = dict(sampler=TopK(5), widths=(8, 32))
    key = jax.random.key(0)
    begin = prefill(key, counting, params, COMMON[None], TopK(5), max_length=40)
    columns.clear()
    found = {(f.index, f.sample): f for f in rolled(**given, **options, after=begin)}
    assert max(columns) == 32 and len(found) == COUNT * (samples or 1)
    for finished in rolled(**given, **options):
        at = finished.index, finished.sample
        np.testing.assert_array_equal(found[at].tokens, finished.tokens)
        np.testing.assert_array_equal(found[at].kept, finished.kept)


def test_nothing_is_read_where_all_prompts_are_alike():
    begin = prefill(KEY, TABLE, TABLE_PARAMS, COMMON[None], TopK(5), max_length=40)
    widths = []

    def apply(params, tokens, positions, cache):
        widths.append(tokens.shape[1])
        return TABLE.apply(params, tokens, positions, cache)

    model = TABLE._replace(apply=apply)
    found = list(rolled(TopK(5), [COMMON] * 3, model, after=begin, record=()))
    assert set(widths) == {1}  # the steps
    lengths = np.full(3, len(COMMON))
    options = dict(max_length=40, max_new_tokens=20, eos=(7, 30), stop=[[11, 12], [40]])
    prompts = np.stack([COMMON] * 3)
    expected = generate(KEY, TABLE, TABLE_PARAMS, prompts, TopK(5), lengths=lengths, **options)
    for finished in found:
        tokens = expected.tokens[finished.index, : expected.lengths[finished.index]]
        np.testing.assert_array_equal(finished.tokens, tokens)


def test_a_begin_that_does_not_fit_is_refused():
    begin = prefill(KEY, TABLE, TABLE_PARAMS, COMMON[None], TopK(5), max_length=40)
    with pytest.raises(ValueError, match="a prompt has 2 tokens, but after has read 9"):
        list(rolled(prompts=[[1, 2]], after=begin))
    with pytest.raises(ValueError, match="the max_length that made after"):
        rolled(after=prefill(KEY, TABLE, TABLE_PARAMS, COMMON[None], TopK(5), max_length=39))
    two = prefill(KEY, TABLE, TABLE_PARAMS, np.stack([COMMON] * 2), TopK(5), max_length=40)
    with pytest.raises(ValueError, match="after must be a Decoding of one row, got 2"):
        rolled(after=two)


WRONG = {
    "samples must be different numbers below the samples=None": Request([1], samples=2),
    "index must be an int in 0": Request([1], index="a"),
}


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_field_of_a_request(said):
    with pytest.raises(ValueError, match=said):
        list(rolled(prompts=[WRONG[said]]))


def test_wrong_numbers_are_refused_by_share_and_widths():
    with pytest.raises(ValueError, match="index must be an int in 0"):
        list(share([Request([1], index="a")]))
    with pytest.raises(ValueError, match="widths must be a sequence of at least one number, got 4"):
        rolled(widths=4)


def test_parameters_that_can_be_called_are_parameters():
    params = jax.tree_util.Partial(lambda: None, np.asarray(TABLE_PARAMS))

    def apply(params, tokens, positions, cache):
        return TABLE.apply(params.args[0], tokens, positions, cache)

    expected = whole()
    for finished in rolled(model=TABLE._replace(apply=apply), params=params):
        same(finished, expected, finished.index)


def test_a_common_begin_of_any_length_is_one_program():
    seen = []

    def apply(params, tokens, positions, cache):
        seen.append(tokens.shape)
        return TABLE.apply(params, tokens, positions, cache)

    model = TABLE._replace(apply=apply)
    for count in (17, 18, 40):
        begin = np.arange(count) % 5
        read = read_common(model, TABLE_PARAMS, [begin, begin], max_length=100)
        assert read.position.tolist() == [count]
    assert set(seen) == {(1, 64)}
    assert read_common(model, TABLE_PARAMS, [], max_length=100) is None
