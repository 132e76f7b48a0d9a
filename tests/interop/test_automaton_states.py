"""Deterministic automata: the sets of characters of their edges, and the bound of their states."""

import random

import pytest

from jaxsample.interop import from_regex
from jaxsample.interop.automaton import _determinise
from jaxsample.interop.automaton._determinise import _pieces, bits, determinise
from jaxsample.interop.automaton._regex import parse
from tests.vocabularies import EOS, VOCABULARY


def test_sets_are_split_by_the_states_that_read_them():
    rng = random.Random(0)
    for _ in range(200):
        sets = tuple(rng.getrandbits(8) for _ in range(rng.randint(0, 5)))
        readers = {c: numbers for mask, numbers in _pieces(sets) for c in bits(mask)}
        expected = {c: tuple(i for i, mask in enumerate(sets) if mask >> c & 1) for c in range(8)}
        assert readers == {c: numbers for c, numbers in expected.items() if numbers}
        assert len({numbers for _, numbers in _pieces(sets)}) == len(_pieces(sets))


def test_states_that_merge_do_not_count():
    tree = parse("(ab|ab|ab){20}")  # 140 states, before equal ones are merged
    machine = determinise(tree, 100)
    assert len(machine.edges) == 41
    assert all(len(found) <= 1 for found in machine.edges), "one edge for each next state"
    with pytest.raises(ValueError, match="max_states = 40"):
        determinise(tree, 40)


def test_long_sequences_of_optional_parts_are_an_error_and_not_a_wait(monkeypatch):
    assert len(determinise(parse("a?" * 300), 1000).edges) == 301
    monkeypatch.setattr(_determinise, "MAX_VISITS", 10_000)
    with pytest.raises(ValueError, match="sets of states have more than 10000 members"):
        determinise(parse("a?" * 300), 1000)


@pytest.mark.parametrize("pattern", ["(" * 500 + "a" + ")" * 500, "(?=a" * 300 + ")" * 300])
def test_a_pattern_that_is_nested_too_deep_is_an_error(pattern):
    with pytest.raises(ValueError, match="the pattern is nested too deep"):
        from_regex(pattern, VOCABULARY, EOS)
