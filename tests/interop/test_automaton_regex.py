"""Regular expressions: the language of `re.fullmatch`, and the size of the automaton."""

import itertools
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxsample.interop import from_regex
from jaxsample.interop.automaton._determinise import determinise
from jaxsample.interop.automaton._language import LAST, chars
from jaxsample.interop.automaton._machines import machine_of
from jaxsample.interop.automaton._machines import matches as found_in
from jaxsample.interop.automaton._regex import parse
from jaxsample.interop.automaton._utf8 import over_bytes, sequences
from tests.vocabularies import EOS, VOCABULARY, random_texts

PATTERNS = [
    r"\d{4}-\d{2}-\d{2}",
    r"(a|bc)*d?",
    r"[a-z0-9._]{1,16}@[a-z]{2,8}\.(com|org)",
    r'"([^"\\\x00-\x1f]|\\["\\/bfnrt]){0,40}"',
    r"(?:é|[ü-€])+[^a-c]*x",
    r"(true|false|null| *)",
    r".{0,30}x",
    r"(ab|a|abc){2,9}c?",
    r"[\s\S]*?\W\S",
    r"(?P<year>\d+)[-/]?\D{,3}\w\x41\u20ac?",
    r"a{2}{|b{,}|[]a-]+|[^]b]|\.\*\-x{1,2}",
    r"((a?){3}b*)*|",
    r"^a*$|^b|c$",
    r"(^a|b$|\n)*",
    r"(?=.*a)(?!.*bb)[ab1\n]{2,}",
    r"((?!-)[a-c1-]{1,3}(?<!-)/?)+$",
    r"\b(ab|c|[ -])+\b|\Aa(?=b)(?<!ba)b\Z",
    r"(?:(?=(?:.{0,3})$)[ab1])*(?<=[1c])\Bab?",
    r"(?i:a[b-d]x?)|(?-i:x)",
    r"(?is).a",
    "\U0001f600|[\U0001f600-\U0001f64f]{2}",
]


def automaton_of(pattern, max_states=10_000):
    return over_bytes(determinise(parse(pattern), max_states))


def matches(automaton, text):
    state = 0
    for byte in text.encode():
        state = automaton.table[state, byte]
        if state < 0:
            return False
    return bool(automaton.accepts[state])


SHORT = ["".join(t) for n in range(4) for t in itertools.product('ab c1-"\\\n€é', repeat=n)]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_language_is_that_of_fullmatch(pattern):
    automaton, compiled = automaton_of(pattern), re.compile(pattern, re.ASCII)
    rng = np.random.default_rng(0)
    alphabet = 'abcdxyz 019-_./@"\\\n\x01AéüΩ€😀😂'
    longer = ["".join(rng.choice(list(alphabet), rng.integers(4, 12))) for _ in range(300)]
    for text in SHORT + longer:
        assert matches(automaton, text) == bool(compiled.fullmatch(text)), text


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_text_written_in_tokens_matches(pattern):
    automaton = from_regex(pattern, VOCABULARY, EOS)
    budget = int(automaton.distance[0]) + 30
    for data in random_texts(automaton, np.random.default_rng(1), 30, budget):
        assert re.fullmatch(pattern, data.decode(), re.ASCII), data


def test_classes_in_schemas_are_those_of_ecmascript():
    spaces = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"
    spaces += "".join(map(chr, range(0x2000, 0x200B)))
    machines = {p: machine_of(parse(p, search=True)) for p in (r"^\s$", r"^[^\S]$", ".")}
    for c in map(chr, [*range(0x100), *range(0x1600, 0x3100), 0x180E, 0xFEFF]):
        assert found_in(machines[r"^\s$"], c) == found_in(machines[r"^[^\S]$"], c) == (c in spaces)
        assert found_in(machines["."], c) == (c not in "\n\r\u2028\u2029")


TREES = st.recursive(
    st.sampled_from(["a", "b", "[ab]", "[^a]", ".", r"\d", "é", "[b-ü]", "ab"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("(?:{0[0]}|{0[1]})".format),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "??"])).map(
            "({0[0]}){0[1]}".format
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(TREES, st.lists(st.text("ab1éü\n", max_size=8), max_size=12))
def test_random_expressions_match_the_texts_that_re_matches(pattern, texts):
    automaton = automaton_of(pattern)
    for text in ["", "a", "ab", "ba", "aab", "é1", *texts]:
        assert matches(automaton, text) == bool(re.fullmatch(pattern, text, re.ASCII))


@settings(max_examples=400, deadline=None)
@given(st.text("ab1,-^]([){}|*+?\\ds.:", max_size=9))
def test_an_error_of_re_is_an_error_here_too(pattern):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `re` warns of sets that may be nested one day
            compiled = re.compile(pattern, re.ASCII)
    except re.error:
        with pytest.raises(ValueError):
            parse(pattern)
        return
    try:
        automaton = automaton_of(pattern)
    except ValueError:
        return  # the pattern is not regular; the messages are tested below
    for text in SHORT[:60]:
        assert matches(automaton, text) == bool(compiled.fullmatch(text)), text


@pytest.mark.parametrize(
    "pattern, words",
    [
        (r"(a)\1", "back-references"),
        ("^*a", "nothing to repeat before *"),
        ("a$?b", "nothing to repeat before ?"),
        (r"a\b{2}", "nothing to repeat before {"),
        (r"(?=\b)a", "to the same side"),
        ("a(?<=a$)", "to the same side"),
        ("a(?i)", "(?i is not supported"),
        ("(?m)a", "(?m is not supported"),
        ("(?P=name)", "(?P is not supported"),
        ("(?>a)", "not supported"),
        (r"\p{Script=Greek}", "only the general categories"),
        (r"\pL", "a name in braces"),
        ("a*+", "possessive"),
        ("a**", "multiple repeat"),
        ("*a", "nothing to repeat"),
        ("(a", "missing )"),
        ("a)", "unbalanced )"),
        ("[a", "missing ]"),
        ("[b-a]", "bad range"),
        (r"[\d-z]", "bad range"),
        ("a{3,2}", "wrong way round"),
        ("a\\", "ends too early"),
        (r"\q", r"unknown escape \q"),
        (r"\xZZ", "number of a character"),
        (r"\ud800", "number of a character"),
    ],
)
def test_unsupported_syntax_is_named(pattern, words):
    with pytest.raises(ValueError) as error:
        parse(pattern)
    assert words in str(error.value) and repr(pattern) in str(error.value)


@pytest.mark.parametrize(
    "pattern, states",
    [
        ("(a|b)*abb", 4),
        ("(a|b)*", 1),
        ("a{0,40}", 41),
        ("(a|aa){0,40}", 81),
        ("(ab|cb)(d|e)*", 3),
        ("((a?){5}){5}", 26),
    ],
)
def test_automata_are_the_smallest(pattern, states):
    assert len(determinise(parse(pattern), 10_000).edges) == states


def test_bounded_repeats_of_any_character_grow_linearly():
    sizes = [len(automaton_of(rf'"([^"\\]|\\.){{0,{n}}}"').table) for n in (10, 20, 40, 400)]
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0])
    assert sizes[3] - sizes[2] == 18 * (sizes[2] - sizes[1])


def test_too_many_states_are_an_error_and_not_a_wait():
    with pytest.raises(ValueError, match="max_states = 2000"):
        automaton_of("(a|b)*a(a|b){20}", 2000)
    with pytest.raises(ValueError, match="max_states"):
        from_regex("a{0,9000}", VOCABULARY, EOS, max_states=5000)


BORDERS = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x3FFFF, 0xFFFFF, LAST]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, LAST), st.integers(0, 5000)), max_size=3))
def test_ranges_of_characters_are_spelled_exactly(starts):
    ranges = [(a, min(a + size, LAST)) for a, size in starts]
    spelled = sequences(chars(ranges))
    edges = [x + d for pair in ranges for x in pair for d in (-1, 0, 1)] + BORDERS
    for point in edges:
        if 0 <= point <= LAST and not 0xD800 <= point <= 0xDFFF:
            data = chr(point).encode()
            ways = sum(
                len(s) == len(data) and all(a <= x <= b for x, (a, b) in zip(data, s, strict=True))
                for s in spelled
            )
            assert ways == any(a <= point <= b for a, b in ranges)
