"""Anchors, look-around and properties in regular expressions, and the dialect of schemas."""

import json
import random
import re
import shutil
import subprocess
import unicodedata

import pytest

from jaxsample.interop.automaton._language import LAST
from jaxsample.interop.automaton._machines import machine_of
from jaxsample.interop.automaton._machines import matches as found_in
from jaxsample.interop.automaton._regex import parse


def test_properties_are_those_of_the_module_unicodedata():
    points = [*range(0x400), *range(0x2000, 0x2100), 0x10400, 0x1D7D8, 0x1F600, 0xE000, LAST]
    names = ["L", "Lu", "LC", "gc=Nd", "General_Category=Letter", "Zs", "Cn", "Assigned", "ASCII"]
    machines = [machine_of(parse(rf"[\p{{{name}}}]", search=True)) for name in names]
    negated = machine_of(parse(r"^\P{Lu}$", search=True))
    for c in map(chr, points):
        one = unicodedata.category(c)
        letter, cased = one[0] == "L", one in ("Lu", "Ll", "Lt")
        expected = [letter, one == "Lu", cased, one == "Nd", letter, one == "Zs", one == "Cn"]
        expected += [one != "Cn", c.isascii()]
        assert [found_in(machine, c) for machine in machines] == expected, hex(ord(c))
        assert found_in(negated, c) == (one != "Lu")


LEAVES = ["a", "b", "1", " ", ".", "[ab]", "[^a]", r"\d", r"\W", "é", "\n"]


class Expressions:
    """Draws expressions with assertions, of which an inner one looks to the side of the outer."""

    def __init__(self, seed, ecmascript):
        self.random, self.ecmascript = random.Random(seed), ecmascript
        self.leaves = [*LEAVES, r"\p{L}", r"\P{Lu}", r"\u{e9}", "[^]"] if ecmascript else LEAVES

    def draw(self, depth=4, side=None):
        pick, kind = self.random.choice, self.random.random()
        if depth == 0 or kind < 0.3:
            return pick(self.leaves)
        if kind < 0.42:
            ahead, back = (
                ("$", "^") if self.ecmascript else (pick(["$", r"\Z"]), pick(["^", r"\A"]))
            )
            return pick({None: [ahead, back, r"\b", r"\B"], "": [ahead], "<": [back]}[side])
        if side != pick(["", "<"]) and kind < 0.55:
            inner = pick(["", "<"] if self.ecmascript else [""]) if side is None else side
            return f"(?{inner}{pick('=!')}{self.draw(depth - 1, inner)})"
        one = self.draw(depth - 1, side)
        if kind < 0.7:
            return one + self.draw(depth - 1, side)
        if kind < 0.85:
            return f"(?:{one}|{self.draw(depth - 1, side)})"
        return f"({one}){pick(['*', '+', '?', '{2}', '{1,3}', '*?'])}"


def drawn(seed, ecmascript, count):
    grammar, letters = Expressions(seed, ecmascript), random.Random(seed)
    texts = ["", "a", "b", "1", "\n", "a\n", "ab", "\na", "é", "\u2028", "Aa"]
    texts += ["".join(letters.choices("aab1 é\nA-", k=letters.randint(2, 6))) for _ in range(20)]
    return [grammar.draw() for _ in range(count)], texts


def test_assertions_are_those_of_re():
    patterns, texts = drawn(0, False, 150)
    for pattern in patterns:
        machine, compiled = machine_of(parse(pattern)), re.compile(pattern, re.ASCII)
        for text in texts[r"\B" in pattern :]:  # before 3.14, `re` finds no \B in the empty text
            assert found_in(machine, text) == bool(compiled.fullmatch(text)), (pattern, text)


@pytest.mark.peers
def test_patterns_of_schemas_are_those_of_a_javascript_engine():
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    patterns, texts = drawn(1, True, 200)
    script = (
        "const [p, t] = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(p.map(x => t.map(y => new RegExp(x, 'u').test(y)))))"
    )
    asked = json.dumps([patterns, texts])
    told = subprocess.run(
        [node, "-e", script], input=asked, capture_output=True, check=True, text=True
    )
    for pattern, expected in zip(patterns, json.loads(told.stdout), strict=True):
        machine = machine_of(parse(pattern, search=True))
        assert [found_in(machine, text) for text in texts] == expected, (pattern, texts)


@pytest.mark.parametrize(
    "pattern, inside, outside",
    [
        ("(^foo$)|(^bar$)", ["foo", "bar"], ["foobar", "xfoo", "bar "]),
        (r"^(?=.*[A-Z])(?=.*\d).{4,}$", ["abC1", "1__A_"], ["abc1", "AB1", "ABCD"]),
        (r"^(?!.*\.\.)[\w.]+$", ["a.b.c"], ["a..b", ""]),
        (r"^\p{Lu}\p{Ll}*$", ["É", "Äé"], ["é", "ÄÉ", "1"]),
        (r"^\uD83D\uDE00|\u{1F601}\cJ$", ["😀", "😁\n"], ["😁"]),
        ("^[]|[^]$", ["\n", "ab"], [""]),
        (r"\bend\b", ["the end", "end."], ["ends", "bend"]),
    ],
)
def test_patterns_of_schemas(pattern, inside, outside):
    machine = machine_of(parse(pattern, search=True))
    assert all(found_in(machine, text) for text in inside)
    assert not any(found_in(machine, text) for text in outside)


@pytest.mark.parametrize(
    "pattern", ["a{,3}", r"a\Z", r"\Aa", "(?i)a", "(?i:a)", r"\u{}", r"\ud83da"]
)
def test_schemas_have_no_syntax_of_python_alone(pattern):
    with pytest.raises(ValueError, match="of the pattern"):
        parse(pattern, search=True)


def test_assertions_that_need_too_many_states_are_an_error():
    with pytest.raises(ValueError, match="states"):
        parse(r"(?!.*a.{40}b)(?:(?=.*a.{20}b)[ab])*")
