"""Grammars in GBNF: their syntax, the depth of their rules, and llguidance's view of them."""

import itertools
import json

import numpy as np
import pytest

from jaxsample.interop import from_grammar, from_regex
from tests.vocabularies import EOS, VOCABULARY, Walker, spelled

BYTES, END = [*(bytes([i]) for i in range(256)), None], 256


def accepts(automaton, text):
    classes, table, state = np.asarray(automaton.classes), np.asarray(automaton.table), 0
    for byte in [*text.encode(), END]:
        state = table[state, classes[byte]] if state >= 0 else -1
    return state >= 0


SAME = {
    'root ::= "ab" | [0-9]+ "\\n"': r"ab|[0-9]+\n",
    'root ::= (a | "x"){2,3} b? # no b\na ::= [a-c^-]\nb ::= "\\x41" |\n "\\u20ac"': (
        r"([a-c\^\-]|x){2,3}[A€]?"
    ),
    'a-1 ::= "\\"" [^"\\\\]* "\\""\nroot ::= a-1{2}': r'("[^"\\]*"){2}',
    'root ::= .{0,2} ("\\[" | [\\]\\[])* | ': r"([^x]|x){0,2}[\[\]]*",
    'root ::= "abc"* "\\U0001F600" end {1,}\nend ::= "" | "!"': "(abc)*\U0001f600!*",
    "root ::= (\n  # a comment\n  [é-ü]\n\n [a]\n)": "[é-ü]a",
}


@pytest.mark.parametrize("grammar", SAME)
def test_syntax_means_that_of_the_expression(grammar):
    """The smallest automaton of a language is unique, up to the numbers of its states."""
    rows = []
    for made in (from_grammar(grammar, BYTES, END), from_regex(SAME[grammar], BYTES, END)):
        rows.append(np.asarray(made.table)[:, np.asarray(made.classes)])
    mine, theirs = rows
    assert len(mine) == len(theirs)
    pairs = [(0, 0)]
    for a, b in pairs:  # the loop appends to the pairs
        following = {*zip(mine[a].tolist(), theirs[b].tolist(), strict=True)} - {(-1, -1)}
        pairs += following - {*pairs}
    assert len(pairs) == len(mine)


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize(
    "grammar",
    ['root ::= ("(" root ")")*', 'root ::= pair*\npair ::= "(" inside ")"\ninside ::= root'],
    ids=["itself", "through others"],
)
def test_rules_nest_to_the_depth(grammar, depth):
    """Every text of up to 8 parentheses against their count."""
    automaton = from_grammar(grammar, BYTES, END, depth=depth)
    for n in range(0, 9, 2):
        for letters in itertools.product("()", repeat=n):
            levels = [0, *itertools.accumulate(1 if c == "(" else -1 for c in letters)]
            fits = min(levels) == levels[-1] == 0 and max(levels) <= depth
            assert accepts(automaton, "".join(letters)) == fits, letters


def test_a_rule_may_begin_with_itself():
    automaton = from_grammar('root ::= root "+" [0-9] | [0-9]', BYTES, END, depth=2)
    assert [accepts(automaton, text) for text in ("1", "1+2+3", "1+2+3+4", "1+")] == [
        *(True, True, False, False)
    ]


# The grammars that llama.cpp gives as examples, written anew.
JSON = r"""
root ::= object
value ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws (string ":" ws value ("," ws string ":" ws value)*)? "}" ws
array ::= "[" ws (value ("," ws value)*)? "]" ws
string ::= "\"" ([^"\\\x7F\x00-\x1F] | [\\] (["\\/bfnrt] | "u" [0-9a-fA-F]{4}))* "\"" ws
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})? ws
ws ::= | " " | "\n" [ \t]{0,20}
"""
EXAMPLES = {
    "json": JSON,
    "sums": """root ::= (expr "=" term "\\n")+
expr ::= term ([-+*/] term)*
term ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num ::= [0-9]+ ws
ws ::= [ \\t]*""",
    "moves": """root ::= ("1. " move " " move "\\n" ([1-9] [0-9]? ". " move " " move "\\n")+)
move ::= (pawn | nonpawn | castle) [+#]?
pawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
nonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
castle ::= "O-O" "-O"?""",
    "list": 'root ::= item+\nitem ::= "- " [^\\r\\n\\x0b\\x0c\\x85\\u2028\\u2029]+ "\\n"',
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_texts_are_those_of_llguidance(name):
    """Random texts of the automaton; llguidance holds the grammar without a bound on its depth."""
    llguidance = pytest.importorskip("llguidance", reason="llguidance is not installed")
    from llguidance.gbnf_to_lark import gbnf_to_lark

    matcher = llguidance.LLMatcher(llguidance.LLTokenizer("byte"), gbnf_to_lark(EXAMPLES[name]))
    assert not matcher.is_error(), matcher.get_error()
    automaton = from_grammar(EXAMPLES[name], VOCABULARY, EOS, depth=2)
    distance = np.asarray(automaton.distance)
    rng, whole = np.random.default_rng(0), 0
    for _ in range(20):
        walker, tokens = Walker(automaton), []
        while EOS not in tokens and len(tokens) < 80:
            allowed = np.flatnonzero(walker.allowed())
            ends = len(tokens) > 20 and EOS in allowed
            tokens.append(EOS if ends else int(rng.choice(allowed)))
            if tokens[-1] != EOS:
                assert walker.take(tokens[-1])
        text, ended = spelled(tokens)
        assert matcher.validate_tokens(list(text)) == len(text), text
        copy = matcher.deep_copy()
        assert copy.consume_tokens(list(text)) and (not ended or copy.is_accepting())
        whole += ended
        if name == "json" and ended:
            assert isinstance(json.loads(text), dict)
    assert distance[0] > 0 and whole


@pytest.mark.parametrize(
    "grammar, error",
    [
        ('root ::= "a" b', "the grammar has no rule 'b'"),
        ('a ::= "a"', "the grammar has no rule 'root'"),
        ('root ::= "a"\nroot ::= "b"', "in line 2: the rule 'root' is there twice"),
        ('root ::= "a"\n\n <think>', "in line 3: '<think>' is not supported"),
        ('root ::= !"a"', "in line 1: '!\"a\"' is not supported"),
        ('"a"', "in line 1: a rule such as name ::= .. must begin here"),
        ('root ::= ("a"', r"in line 1: this \( has no \)"),
        ('root ::= "a")', r"in line 1: a rule such as name ::= .. must begin here, not '\)'"),
        ('root ::= * "a"', r"in line 1: '\*' can't stand here"),
        ("root ::= [b-a]", r"in line 1: bad range in \[b-a\]"),
        (r'root ::= "\q"', r"in line 1: unknown escape \\q"),
        (r'root ::= "\ud800"', "in line 1: not the number of a character: d800"),
        ('root ::= "a" root', "no text of the grammar nests to depth 3 at most"),
    ],
)
def test_errors_have_the_line(grammar, error):
    with pytest.raises(ValueError, match=error):
        from_grammar(grammar, BYTES, END)
