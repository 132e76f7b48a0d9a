"""A reader of GBNF, the grammars of llama.cpp, whose rules are unrolled to a depth."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from jaxsample.interop.automaton._language import (
    EMPTY,
    NOTHING,
    Chars,
    Either,
    Node,
    Repeat,
    Then,
    but,
    chars,
    either,
    text,
    then,
)

TOKEN = re.compile(
    r"""(?P<space>(?:\s|\#[^\n]*)+)
    |(?P<rule>[A-Za-z0-9_-]+)(?=\s*::=)|(?P<defined>::=)|(?P<name>[A-Za-z0-9_-]+)
    |(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<set>\[(?:[^\]\\\n]|\\.)*\])
    |(?P<repeat>[*+?]|\{\d+(?:,\d*)?\})|(?P<sign>[()|.])""",
    re.VERBOSE,
)
ESCAPED = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))|(.)", re.DOTALL
)
LETTERS = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "[": "[", "]": "]"}
SIGNS = {"*": (0, None), "+": (1, None), "?": (0, 1)}


class Rule(NamedTuple):
    """A place where a rule is used."""

    name: str


def compile_grammar(grammar: str, depth: int) -> Node:
    """Return the texts of the rule `root` in whose derivation rules nest to a depth.

    Raises:
        ValueError: with the line of wrong syntax, or the name of a rule that is missing.
    """
    rules = _Reader(grammar).rules()
    known: dict[tuple, Node] = {}

    def unrolled(tree: Any, path: tuple[str, ...], left: int) -> Node:
        if isinstance(tree, Chars):
            return tree
        if isinstance(tree, Rule):
            if tree.name not in rules:
                raise ValueError(f"the grammar has no rule {tree.name!r}")
            if tree.name in path:  # one level deeper; the rules in between may occur again
                path, left = path[: path.index(tree.name)], left - 1
            place = tree.name, path, left
            if left >= 0 and place not in known:
                known[place] = unrolled(rules[tree.name], (*path, tree.name), left)
            return known[place] if left >= 0 else NOTHING
        if isinstance(tree, Repeat):
            part = unrolled(tree.part, path, left)
            if impossible(part):
                return NOTHING if tree.low else EMPTY
            return tree._replace(part=part)
        parts = [unrolled(part, path, left) for part in tree.parts]
        if isinstance(tree, Then):
            return NOTHING if any(map(impossible, parts)) else Then(tuple(parts))
        return Either(tuple(part for part in parts if not impossible(part)))

    return unrolled(Rule("root"), (), depth)


def impossible(tree: Node) -> bool:
    """Return whether a tree has no text; as tuples, `NOTHING` and `EMPTY` are equal."""
    return isinstance(tree, Either) and not tree.parts


class _Reader:
    def __init__(self, grammar):
        self.grammar, self.tokens, at = grammar, [], 0
        while at < len(grammar):
            found = TOKEN.match(grammar, at)
            if not found:
                raise self.error(at, f"{grammar[at : at + 20].splitlines()[0]!r} is not supported")
            if found.lastgroup != "space":
                self.tokens.append((found.lastgroup, found[0], at))
            at = found.end()
        self.tokens = [*self.tokens, ("end", "the end", at)][::-1]

    def rules(self):
        found = {}
        while not self.ahead("end"):
            kind, name, at = self.tokens.pop()
            if kind != "rule" or not self.take("defined"):
                raise self.error(at, f"a rule such as name ::= .. must begin here, not {name!r}")
            if name in found:
                raise self.error(at, f"the rule {name!r} is there twice")
            found[name] = self.alternatives()
        return found

    def alternatives(self):
        branches = [self.sequence()]
        while self.take("sign", "|"):
            branches.append(self.sequence())
        return either(*branches)

    def sequence(self):
        parts: list[Any] = []
        while not (self.ahead("end", "rule") or self.ahead("sign", signs="|)")):
            part: Any = self.symbol()
            while found := self.take("repeat"):
                part = Repeat(part, *_bounds(found))
            parts.append(part)
        return then(*parts)

    def symbol(self):
        kind, word, at = self.tokens.pop()
        if kind == "name":
            return Rule(word)
        if kind == "text":
            return text("".join(chr(c) for c in self.characters(word[1:-1], at)))
        if kind == "set":
            return self.set(word[1:-1], at)
        if word == ".":
            return but(chars([]))
        if word == "(":
            found = self.alternatives()
            if not self.take("sign", ")"):
                raise self.error(at, "this ( has no )")
            return found
        raise self.error(at, f"{word!r} can't stand here")

    def set(self, inside, at):
        negated = inside.startswith("^")
        points, ranges = self.characters(inside[negated:], at), []
        while points:
            low = points.pop(0)
            if len(points) > 1 and points[0] == ord("-"):
                points.pop(0)
                if points[0] < low:
                    raise self.error(at, f"bad range in [{inside}]")
                ranges.append((low, points.pop(0)))
            else:
                ranges.append((low, low))
        return but(chars(ranges)) if negated else chars(ranges)

    def characters(self, written, at):
        """Return the numbers of the characters of a text or set."""
        found = []
        for *digits, letter, plain in ESCAPED.findall(written):
            number = "".join(digits)
            if letter and letter not in LETTERS:
                raise self.error(at, f"unknown escape \\{letter}")
            point = int(number, 16) if number else ord(LETTERS[letter] if letter else plain)
            if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
                raise self.error(at, f"not the number of a character: {number}")
            found.append(point)
        return found

    def ahead(self, *kinds, signs=""):
        kind, word, _ = self.tokens[-1]
        return kind in kinds and (not signs or word in signs)

    def take(self, kind, word=""):
        return self.tokens.pop()[1] if self.ahead(kind, signs=word) else None

    def error(self, at, why):
        line = self.grammar.count("\n", 0, at) + 1
        return ValueError(f"the grammar in line {line}: {why}")


def _bounds(sign: str) -> tuple[int, int | None]:
    if sign in SIGNS:
        return SIGNS[sign]
    low, comma, high = sign[1:-1].partition(",")
    return int(low), int(high) if high else None if comma else int(low)
