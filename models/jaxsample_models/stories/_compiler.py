"""The compiler of story templates: it makes nodes that each read one token."""

from __future__ import annotations

import re
from itertools import groupby
from typing import NamedTuple

from ._tables import BY_CHILD, OPEN, PICKS

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
PAD, BOS, EOS, UNK = range(4)
SPACE = "\u2581"
"""The mark of the space before a word; joining tokens restores the text."""

TEXT = rf"{SPACE}?[A-Za-z]+|{SPACE}?[^A-Za-z{SPACE}]"
"""The pattern of a token of running text, with each space written as `SPACE`."""

END = 0
"""The node after `</s>`."""


class Node(NamedTuple):
    """A place in the story, where exactly one token is read.

    Attributes:
        kind: "template", "fact", "branch" or "open".
        name: the variable that a fact repeats, the table that a slot draws from, or "".
        tokens: the ids that a template or a branch of ways reads, `[n]`; () at facts and slots.
        weights: odds of `tokens`, `[n]`.
        next: the node after each of `tokens`, `[n]`; one node at facts and slots.
        binds: whether the token is remembered under `name`.
        live: the variables that this node or a later one reads.
    """

    kind: str
    name: str
    tokens: tuple[int, ...]
    weights: tuple[int, ...]
    next: tuple[int, ...]
    binds: bool
    live: frozenset[str]


class Machine(NamedTuple):
    """The compiled story.

    Attributes:
        nodes: node 0 is the end.
        start: the node after `<s>`.
        vocabulary: the tokens, `[V]`, those of `SPECIAL` first.
        variables: the names of the words that stories remember.
    """

    nodes: tuple[Node, ...]
    start: int
    vocabulary: tuple[str, ...]
    variables: tuple[str, ...]


def compile_story(text: str) -> Machine:
    """Compile a template into a machine with one node for each place in the story.

    Ways of a branch that begin with the same words share their nodes, so every prefix of a story
    leads to one node.

    Raises:
        ValueError: a name is in no table, or two ways of a branch begin with the same word.
    """
    compiler = _Compiler()
    end = compiler.add("template", tokens=(EOS,), after=(END,))
    start = compiler.sequence(_parse(_lex(text)), end)
    for words in (*PICKS.values(), *OPEN.values(), *(w.values() for w in BY_CHILD.values())):
        compiler.vocabulary.update(dict.fromkeys(SPACE + word for word in words))
    variables = sorted(frozenset().union(*(node.live for node in compiler.nodes)))
    return Machine(tuple(compiler.nodes), start, tuple(compiler.vocabulary), tuple(variables))


def _lex(text: str) -> list[str]:
    spaced = re.sub(r"\s+", SPACE, SPACE + text.strip() + SPACE)
    marks = rf"{SPACE}[(|)](?={SPACE})|{SPACE}\d+:|{SPACE}[<$][a-z]+>?|{TEXT}|{SPACE}"
    items = [m.group() for m in re.finditer(marks, spaced) if m.group() != SPACE]
    return [i[1:] if re.match(rf"{SPACE}([(|)<$]|\d+:)", i) else i for i in items]


def _parse(items: list[str]) -> list:
    """Nest the items: a branch becomes a list of ways, each a pair `(weight, items)`."""
    stack: list[list] = [[(1, [])]]
    for item in items:
        if item == "(":
            ways = [(1, [])]
            stack[-1][-1][1].append(ways)
            stack.append(ways)
        elif item == "|":
            stack[-1].append((1, []))
        elif item == ")":
            stack.pop()
        elif item.endswith(":") and item[:-1].isdigit():
            stack[-1][-1] = (int(item[:-1]), [])
        else:
            stack[-1][-1][1].append(item)
    return stack[0][0][1]


class _Compiler:
    def __init__(self):
        self.vocabulary: dict[str, None] = dict.fromkeys(SPECIAL)
        self.nodes: list[Node] = [Node("", "", (), (), (), False, frozenset())]

    def add(self, kind, name="", tokens=(), weights=(1,), after=(), binds=False) -> int:
        reads = {"template": (), "branch": (), "fact": (name,), "open": ("tone",)}[kind]
        if name == "name" and binds or name in BY_CHILD:
            reads = ("child",)
        live = frozenset().union(*(self.nodes[n].live for n in after))
        live = live - {name} if binds else live
        node = Node(kind, name, tokens, weights, after, binds, live | set(reads))
        self.nodes.append(node)
        return len(self.nodes) - 1

    def sequence(self, items: list, after: int) -> int:
        for item in reversed(items):
            after = self.branch(item, after) if isinstance(item, list) else self.word(item, after)
        return after

    def word(self, item: str, after: int) -> int:
        name = item.strip("<>$")
        known = name in OPEN or name in PICKS or name in BY_CHILD or name == "name"
        if item[0] in "<$" and not known:
            raise ValueError(f"no table is called {name!r}; add it to _tables")
        if item[0] == "<":
            return self.add("open" if name in OPEN else "branch", name, after=(after,), binds=True)
        if item[0] == "$":
            return self.add("fact", name, after=(after,))
        return self.add("template", tokens=self._text(item), after=(after,))

    def branch(self, ways: list, after: int) -> int:
        firsts = []
        for first, group in groupby(sorted(ways, key=lambda w: str(w[1][0])), lambda w: w[1][0]):
            same = [(weight, items[1:]) for weight, items in group]
            rest = self.sequence(same[0][1], after) if len(same) == 1 else self.branch(same, after)
            firsts.append((first, sum(weight for weight, _ in same), rest))
        if len(firsts) == 1:
            return self.word(firsts[0][0], firsts[0][2])
        words, weights, after_each = zip(*firsts, strict=True)
        if not all(isinstance(w, str) and w[0] not in "<$" for w in words):
            raise ValueError(f"ways of a branch must begin with different words, got {words}")
        tokens = tuple(t for w in words for t in self._text(w))
        return self.add("branch", tokens=tokens, weights=weights, after=after_each)

    def _text(self, token: str) -> tuple[int]:
        self.vocabulary.setdefault(token)
        return (list(self.vocabulary).index(token),)
