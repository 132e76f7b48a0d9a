"""Automata over the tokens of any tokenizer, from expressions, JSON schemas and grammars."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Mapping, Sequence
from typing import Any

from jaxsample.interop.automaton._cache import kept
from jaxsample.interop.automaton._determinise import determinise
from jaxsample.interop.automaton._grammar import compile_grammar
from jaxsample.interop.automaton._language import Node
from jaxsample.interop.automaton._regex import parse
from jaxsample.interop.automaton._schema import compile_schema
from jaxsample.interop.automaton._tokens import over_tokens
from jaxsample.interop.automaton._utf8 import over_bytes
from jaxsample.transforms.constraints._automaton import TokenAutomaton

MAX_STATES = 200_000


def from_regex(
    pattern: str,
    vocabulary: Sequence[bytes | None],
    eos: int | Sequence[int],
    *,
    max_states: int = MAX_STATES,
    cache: str | os.PathLike | None = None,
) -> TokenAutomaton:
    r"""Make the automaton of the texts that a regular expression matches as a whole.

    Syntax and meaning are those of `re.fullmatch` with `re.ASCII`. `\p{L}` and the like are general
    categories of Unicode. Back-references, conditions, possessive quantifiers and atomic groups
    raise an error.

    Args:
        pattern: the expression.
        vocabulary: for each token the bytes it adds to the text, or None if it may never be drawn;
            `vocabulary_of` returns it.
        eos: the token or tokens that end the text, the same as for `generate`.
        max_states: the largest number of states during compilation.
        cache: a folder that keeps the automaton in a file. The next call with the same arguments
            and the same version of the library reads the file; a broken file is replaced. The
            folder is made if there is none.

    Raises:
        ValueError: if something in the pattern is not supported, if it needs too many states, or if
            the vocabulary cannot spell any text that it matches.
        OSError: if the folder of the cache cannot be written.

    >>> vocabulary = [b"a", b"b", b"ab", None]
    >>> automaton = from_regex("a+b", vocabulary, eos=3)
    >>> automaton(jnp.zeros(4))
    Array([  0., -inf,   0., -inf], dtype=float32)
    """

    def make():
        try:
            with _no_collection():
                return _made(parse(pattern), vocabulary, eos, max_states, f"matches {pattern!r}")
        except RecursionError:
            raise ValueError(
                "the pattern is nested too deep: write fewer than 50 groups inside of one another"
            ) from None

    return kept(cache, ["regex", pattern, max_states], vocabulary, eos, make)


def from_json_schema(
    schema: Mapping[str, Any],
    vocabulary: Sequence[bytes | None],
    eos: int | Sequence[int],
    *,
    whitespace: str = "",
    depth: int = 3,
    additional: bool = False,
    max_states: int = MAX_STATES,
    cache: str | os.PathLike | None = None,
) -> TokenAutomaton:
    """Make the automaton of the JSON texts that a schema allows.

    The automaton supports most keywords of draft 2020-12, and of drafts 4 to 7 under their old
    names; see the page on constraints. Keywords that are in no specification are ignored with one
    warning. The automaton allows fewer texts than the schema: listed properties come in their order
    and others after them, only control characters, quotes and backslashes are escaped, numbers with
    bounds have no exponent, and arbitrary values are nested at most 3 deep. Numbers without bounds
    may have any number of digits.

    Args:
        schema: as parsed from JSON.
        vocabulary, eos, max_states, cache: as for `from_regex`.
        whitespace: a regular expression of the white space that is allowed inside objects and
            arrays, or "flexible" for as much as JSON allows; none by default.
        depth: how many objects and arrays on one path may lie inside another one of the same
            schema; a list of lists of lists has 2.
        additional: whether objects may have properties that the schema does not list, if it does
            not mention others. If the schema lists none, or gives others a schema or true, objects
            may always have them.

    Raises:
        ValueError: if a keyword is not supported, with its place in the schema; or as for
            `from_regex`.
        OSError: as for `from_regex`.

    Warns:
        UserWarning: if the schema has keywords that no specification knows. A call that reads the
            automaton from the cache does not warn.

    Reference: https://json-schema.org/draft/2020-12

    >>> vocabulary = [bytes([i]) for i in range(256)] + [None]
    >>> automaton = from_json_schema({"type": "array", "items": {"enum": [1, 22]}}, vocabulary, 256)
    >>> [chr(i) for i in np.flatnonzero(automaton(jnp.zeros(257)) == 0)]
    ['[']
    """

    def make():
        try:
            with _no_collection():
                tree = compile_schema(schema, whitespace, depth, additional)
                what = f"fits the schema, recursive to depth {depth}"
                return _made(tree, vocabulary, eos, max_states, what)
        except RecursionError:
            raise ValueError(
                "the schema at # is nested too deep: keep it below about 50 levels, "
                "`depth` included"
            ) from None

    asked = ["schema", schema, whitespace, depth, additional, max_states]
    return kept(cache, asked, vocabulary, eos, make)


def from_grammar(
    grammar: str,
    vocabulary: Sequence[bytes | None],
    eos: int | Sequence[int],
    *,
    depth: int = 3,
    max_states: int = MAX_STATES,
    cache: str | os.PathLike | None = None,
) -> TokenAutomaton:
    """Make the automaton of the texts of a context-free grammar, with nesting up to a depth.

    The grammar is in GBNF, the format of llama.cpp, without its `<token>`. The whole text matches
    the rule `root`. Right recursion, as in `a ::= "x" a | "x"`, counts as nesting. Write
    `a ::= "x"+` instead, which has no bound.

    Args:
        grammar: the rules.
        vocabulary, eos, max_states, cache: as for `from_regex`.
        depth: how many rules on one path may lie inside the same rule. The number of states grows
            fast with it.

    Raises:
        ValueError: if the syntax is wrong or not supported, with the line; if a rule is missing; if
            every text is nested deeper; or as for `from_regex`.
        OSError: as for `from_regex`.

    Reference: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md

    >>> automaton = from_grammar('root ::= "a" | "(" root ")"', [b"a", b"(", b")", None], 3)
    >>> automaton(jnp.zeros(4))
    Array([  0.,   0., -inf, -inf], dtype=float32)
    """

    def make():
        try:
            with _no_collection():
                tree = compile_grammar(grammar, depth)
                what = f"of the grammar nests to depth {depth} at most"
                return _made(tree, vocabulary, eos, max_states, what)
        except RecursionError:
            raise ValueError("the grammar is nested too deep: use a smaller `depth`") from None

    return kept(cache, ["grammar", grammar, depth, max_states], vocabulary, eos, make)


def _made(tree: Node, vocabulary, eos, max_states, what):
    automaton = determinise(tree, max_states)
    if not any(automaton.accepts):
        raise ValueError(f"no text {what}")
    return over_tokens(over_bytes(automaton), vocabulary, eos)


@contextlib.contextmanager
def _no_collection():
    """Pause the garbage collector, which searches for reference cycles.

    A compilation makes millions of small objects and no cycles. The search took half of its time.
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
