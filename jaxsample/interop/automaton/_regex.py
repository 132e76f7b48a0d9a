"""A parser of regular expressions, in the syntax of `re` without its non-regular parts."""

from __future__ import annotations

import re

from jaxsample.interop.automaton._assertions import Assertions
from jaxsample.interop.automaton._characters import WORD, Characters
from jaxsample.interop.automaton._language import EMPTY, Node, Repeat, but, either, then
from jaxsample.interop.automaton._machines import (
    ANY_CHARACTER,
    ANYTHING,
    other_than,
    without,
)

SOME = Repeat(ANY_CHARACTER, 1, None)
LETTER_LAST, LETTER_FIRST = then(ANYTHING, WORD), then(WORD, ANYTHING)
OTHER_LAST = either(EMPTY, then(ANYTHING, but(WORD)))
OTHER_FIRST = either(EMPTY, then(but(WORD), ANYTHING))
FLAGS = re.compile(r"(?P<on>[is]*)(-(?P<off>[is]+))?(?P<end>[:)])")
NAME = re.compile(r"P?<[^\W\d]\w*>")
FIXED = ("^", "$", r"\b", r"\B", r"\A", r"\Z")  # assertions that can't be repeated
LOOKS = {  # by what follows (?: whether it looks ahead, and whether it denies
    "=": (True, False),
    "!": (True, True),
    "<=": (False, False),
    "<!": (False, True),
}


def parse(pattern: str, search: bool = False) -> Node:
    r"""Parse a regular expression that the whole text must match.

    The meaning is that of `re.fullmatch` with `re.ASCII`: `.` is any character except a newline,
    and `\d`, `\w`, `\s` are ASCII. `\p{Lu}` is a general category of Unicode. Groups do not
    capture. Lazy and greedy quantifiers match the same texts, so they are the same here.

    Args:
        pattern: the expression.
        search: the pattern is that of a schema. It may match any part of the text. As in
            ECMAScript, `\s` is also the white space of Unicode, `.` is no end of a line, and `$`
            is the end of the text alone.

    Raises:
        ValueError: with the place of a back-reference, a condition, a possessive quantifier, an
            atomic group, a flag other than i and s, an assertion that looks back inside one that
            looks ahead or the reverse, or broken syntax; or if assertions need too many states.
    """
    return _Parser(pattern, search).whole()


class _Parser(Characters):
    def __init__(self, pattern, search):
        super().__init__(pattern, search)
        self.around = () if not search else (ANYTHING,)
        self.points = Assertions()
        self.looking = None  # inside an assertion, whether it looks ahead
        self.depth = 0

    def whole(self):
        if not self.ecmascript and self.take("(?"):
            flags = FLAGS.match(self.pattern, self.at)
            if flags and flags["end"] == ")" and not flags["off"]:
                self.at = flags.end()
                self.any_case, self.dot_all = "i" in flags["on"], "s" in flags["on"]
            else:
                self.at = 0
        found = self.alternatives(self.found)
        if self.at < len(self.pattern):
            raise self.error("unbalanced )")
        return self.points.kept(found)

    def alternatives(self, branch):
        branches = [branch()]
        while self.take("|"):
            branches.append(branch())
        return either(*branches)

    def found(self):
        """Parse an alternative of the whole pattern; anchors at its ends need no mark."""
        before = () if self.take("^") else self.around
        if not before and self.ahead("*", "+", "?"):
            raise self.error(f"nothing to repeat before {self.peek()}")
        branch = self.sequence()
        after = () if self.take("$") else self.around
        return then(*before, branch, *after)

    def sequence(self):
        parts = []
        while self.at < len(self.pattern) and not self.ahead("|", ")") and not self.is_last():
            parts.append(self.quantified())
        return then(*parts)

    def is_last(self):
        """Return whether the anchor $ ends an alternative of the whole pattern."""
        return self.depth == 0 and (self.ahead("$|") or self.pattern[self.at :] == "$")

    def quantified(self):
        start = self.at
        if self.peek() == "{" and self.bounds() is not None:
            raise self.error("nothing to repeat before {", self.at - start)
        fixed = self.ahead(*FIXED)
        part = self.atom()
        start = self.at
        bounds = self.bounds()
        if bounds is None:
            return part
        if fixed:
            raise self.error(f"nothing to repeat before {self.pattern[start]}", self.at - start)
        if self.take("+"):
            raise self.error("possessive quantifiers are not regular", 1)
        self.take("?")
        start = self.at
        if self.bounds() is not None:
            raise self.error("multiple repeat", self.at - start)
        return Repeat(part, *bounds)

    def bounds(self) -> tuple[int, int | None] | None:
        """Consume a quantifier and return its bounds; consume nothing and return None if none."""
        for sign, bounds in {"*": (0, None), "+": (1, None), "?": (0, 1)}.items():
            if self.take(sign):
                return bounds
        end = self.pattern.find("}", self.at)
        if self.peek() != "{" or end < 0:
            return None
        low, comma, high = self.pattern[self.at + 1 : end].partition(",")
        numbers = [n for n in (low, high) if n]
        if not all(n.isascii() and n.isdigit() for n in numbers) or not (numbers or comma):
            return None  # as in `re`, a brace without bounds is a literal
        if self.ecmascript and not low:
            raise self.error(f"write {{0,{high}}}: ECMAScript has no bounds without the first")
        self.at = end + 1
        least = int(low or 0)
        most = least if not comma else int(high) if high else None
        if most is not None and most < least:
            raise self.error("the bounds of a repeat are the wrong way round", 1)
        return least, most

    def atom(self):
        if self.take("("):
            return self.group()
        if self.ahead("*", "+", "?"):
            raise self.error(f"nothing to repeat before {self.peek()}")
        if self.take("^") or (not self.ecmascript and self.take(r"\A")):
            return self.point(False, (SOME, ANYTHING))
        if self.take("$"):
            return self.point(True, (ANYTHING, SOME if self.ecmascript else other_than(["", "\n"])))
        if not self.ecmascript and self.take(r"\Z"):
            return self.point(True, (ANYTHING, SOME))
        if self.take(r"\b"):
            return self.point(None, (LETTER_LAST, LETTER_FIRST), (OTHER_LAST, OTHER_FIRST))
        if self.take(r"\B"):
            return self.point(None, (LETTER_LAST, OTHER_FIRST), (OTHER_LAST, LETTER_FIRST))
        return self.character()

    def group(self):
        if not self.take("?"):
            return self.inside()
        for sign, (ahead, denies) in LOOKS.items():
            if self.take(sign):
                return self.look(ahead, denies)
        name = NAME.match(self.pattern, self.at)
        flags = None if self.ecmascript else FLAGS.match(self.pattern, self.at)
        if name or self.take(":"):
            self.at = max(self.at, name.end() if name else 0)
            return self.inside()
        if not flags or flags["end"] == ")":
            raise self.error(
                f"(?{self.peek()} is not supported: of the extensions only (?:...), named groups, "
                "look-around and the flags of Python's (?is-is:...) are"
            )
        kept = self.any_case, self.dot_all
        self.at = flags.end()
        for letters, on in ((flags["on"], True), (flags["off"] or "", False)):
            self.any_case = on if "i" in letters else self.any_case
            self.dot_all = on if "s" in letters else self.dot_all
        found = self.inside()
        self.any_case, self.dot_all = kept
        return found

    def inside(self):
        """Parse the rest of a group."""
        self.depth += 1
        found = self.alternatives(self.sequence)
        self.depth -= 1
        if not self.take(")"):
            raise self.error("missing )")
        return found

    def look(self, ahead, denies):
        """Parse the rest of a look-around, whose own assertions see one side of the text only."""
        outer = self.points, self.looking
        self.points, self.looking = Assertions(), ahead
        inside = self.inside()
        found = self.points.kept(then(inside, ANYTHING) if ahead else then(ANYTHING, inside))
        self.points, self.looking = outer
        wrong = found if denies else without(ANYTHING, found)
        return self.point(ahead, (ANYTHING, wrong) if ahead else (wrong, ANYTHING))

    def point(self, ahead, *forbidden):
        """Return an assertion that looks ahead, back (False), or to both sides (None)."""
        if self.looking not in (None, ahead):
            raise self.error("an assertion inside of a look-around must look to the same side")
        return self.points.point(*forbidden)
