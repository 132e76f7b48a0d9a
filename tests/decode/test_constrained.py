"""Constrained decoding stays inside the language and the budget."""

import json
import re

import jax
import numpy as np
import pytest

from jaxsample import (
    Temperature,
    TokenAutomaton,
    TopP,
    chain,
    generate,
    resume,
    score,
    stack,
    stream,
)
from jaxsample.interop import from_json_schema, from_regex
from tests.decode.models import TABLE, TABLE_PARAMS, slow
from tests.vocabularies import EOS, NESTED, VOCABULARY, spelled

V = len(VOCABULARY)
KEY = jax.random.key(3)
# Random logits that end a string once in a while.
WILD = jax.random.normal(jax.random.key(4), (V, V)).at[:, ord('"')].add(1.0)
DATE = r"\d{4}-(0\d|1[0-2])-[0-3]\d"
MAIL = r"[a-z0-9.]{1,16}@[a-z]{2,8}\.(com|org)"
FREE = r"(true|false|é)*!?"


def run(sampler, rows, steps, **options):
    prompts = np.arange(rows, dtype=np.int32)[:, None] % 256
    options = dict(max_new_tokens=steps, eos=EOS, record=()) | options
    return generate(KEY, TABLE, WILD, prompts, sampler, **options)


def texts(generation):
    rows = zip(np.asarray(generation.tokens), np.asarray(generation.lengths), strict=True)
    return [spelled(row[:n]) for row, n in rows]


@pytest.mark.full
def test_1000_objects_of_a_nested_schema_are_valid():
    automaton = from_json_schema(NESTED, VOCABULARY, EOS)
    least = int(automaton.distance[0])
    budget = least + np.arange(1000) % 160
    got = run(chain(automaton, Temperature(0.8)), 1000, least + 159, budget=budget)
    assert (np.asarray(got.lengths) <= budget).all()
    objects = []
    for data, ended in texts(got):
        assert ended
        objects.append(json.loads(data))
    assert {len(found["name"]) for found in objects} >= {0, 1, 10, 40}
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    checker = jsonschema.Draft202012Validator(NESTED)
    assert all(checker.is_valid(found) for found in objects)


def test_rows_with_their_own_automata_end_in_every_budget_that_suffices():
    patterns = [DATE, MAIL, FREE, r".{5}", None]
    automata = [from_regex(pattern, VOCABULARY, EOS) for pattern in patterns[:4]]
    automata.append(TokenAutomaton.free(V))
    many = stack([automata[b % 5] for b in range(100)])
    least = np.array([max(int(automata[b % 5].distance[0]), 1) for b in range(100)])
    budget = least + np.arange(100) // 5
    options = dict(budget=budget, max_length=60)
    got = run(chain(many, Temperature(1.5)), 100, 40, sampler_axes=(0, None), **options)
    written, lengths = set(), np.asarray(got.lengths)
    assert (lengths <= budget).all()
    for b in (b for b in range(100) if patterns[b % 5]):  # a free row may hold tokens without bytes
        data, ended = spelled(got.tokens[b, : lengths[b]])
        assert ended and re.fullmatch(patterns[b % 5], data.decode(), re.ASCII), data
        written.add(data)
    assert len(written) > 50
    free = run(chain(Temperature(1.5)), 100, 40, **options)
    np.testing.assert_array_equal(free.tokens[4::5], got.tokens[4::5])


CHAIN = chain(from_regex(MAIL, VOCABULARY, EOS), Temperature(1.2), TopP(0.9))


@pytest.mark.slow
def test_resume_stream_and_score_agree_with_generate():
    prompts = np.arange(6, dtype=np.int32)[:, None]
    whole = run(CHAIN, 6, 24, record=("logprobs",))
    for data, ended in texts(whole):
        assert ended and re.fullmatch(MAIL, data.decode())

    short = run(CHAIN, 6, 24, record=("logprobs",), budget=np.full(6, 4))
    for data, ended in texts(short):  # the budget is too small for a complete address
        assert not ended and re.fullmatch(r"[a-z0-9.]{1,16}(@[a-z.]*)?", data.decode())

    first = run(CHAIN, 6, 12, max_length=25)
    rest = resume(TABLE, WILD, first.decoding, CHAIN, max_new_tokens=12, eos=EOS, record=())
    both = np.concatenate([first.tokens, rest.tokens], axis=1)
    np.testing.assert_array_equal(both, whole.tokens)

    options = dict(max_new_tokens=24, eos=EOS, record=(), chunk=12)
    chunks = stream(KEY, TABLE, WILD, prompts, CHAIN, **options)
    together = np.concatenate([chunk.tokens for chunk in chunks], axis=1)
    np.testing.assert_array_equal(together, whole.tokens)

    scored = score(TABLE, WILD, prompts, whole.tokens, CHAIN, token_lengths=whole.lengths)
    np.testing.assert_allclose(scored.logprobs, whole.logprobs, atol=1e-5)
    broken = whole.tokens.at[:, 3].set(0)
    scored = score(TABLE, WILD, prompts, broken, CHAIN, token_lengths=whole.lengths)
    assert (np.asarray(scored.logprobs[:, 3]) == -np.inf).all()
    assert not np.isnan(scored.logprobs).any()


SMALL = [b"a", b"b", b"ab", b"ba", *(bytes([65 + i]) for i in range(56)), None]


def test_a_slow_loop_draws_the_same_tokens():
    sampler = chain(from_regex("(ab|b)*[A-Z]{0,3}ba?", SMALL, 60), Temperature(1.3), TopP(0.97))
    prompts = np.array([[3, 1], [5, 9], [2, 0], [8, 0]], np.int32)
    lengths, budget = np.array([2, 2, 1, 1], np.int32), np.array([12, 2, 7, 30], np.int32)
    got = generate(
        KEY, TABLE, TABLE_PARAMS, prompts, sampler, max_new_tokens=12, lengths=lengths,
        budget=budget, max_length=20, eos=60, pad=59,
    )  # fmt: skip
    ends = set()
    for b in range(4):
        tokens, logprobs, _ = slow(
            jax.random.fold_in(KEY, b), TABLE_PARAMS, prompts[b, : lengths[b]], sampler,
            count=12, max_length=20, budget=int(budget[b]), eos=(60,),
        )  # fmt: skip
        n = len(tokens)
        ends.add(n)
        np.testing.assert_array_equal(got.tokens[b], tokens + [59] * (12 - n))
        np.testing.assert_allclose(got.logprobs[b, :n], logprobs, atol=1e-5)
    assert len(ends) > 1 and min(ends) == 2
