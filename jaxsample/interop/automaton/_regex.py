"""A parser of regular expressions, in the syntax of `re` without its non-regular parts."""

from __future__ import annotations

from jaxsample.interop.automaton._language import (
    Chars,
    Node,
    Repeat,
    but,
    chars,
    either,
    one_of,
    then,
)

DIGIT = chars([(0x30, 0x39)])
WORD = chars([(0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A), (0x5F, 0x5F)])
SPACE = one_of(" \t\n\r\f\v")
CLASSES = {"d": DIGIT, "w": WORD, "D": but(DIGIT), "W": but(WORD)}
# In schemas, patterns are of ECMAScript: it has more white space and ends of lines.
LINE_ENDS = "\n\r\u2028\u2029"
WIDE_SPACE = chars(
    [*SPACE.ranges, (0x2000, 0x200A)]
    + [(x, x) for x in (0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF)]
)
CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
HEX = {"x": 2, "u": 4, "U": 8}
ANYTHING = Repeat(but(chars([])), 0, None)


def parse(pattern: str, search: bool = False) -> Node:
    r"""Parse a regular expression that the whole text must match.

    The meaning is that of `re.fullmatch` with `re.ASCII`: `.` is any character except a newline,
    and `\d`, `\w`, `\s` are ASCII. Groups do not capture. Lazy and greedy quantifiers match the
    same texts, so they are the same here.

    Args:
        pattern: the expression.
        search: the pattern is that of a schema. It may match any part of the text, and an
            alternative of the whole pattern may begin with ^ and end with $. As in ECMAScript,
            `\s` is also the white space of Unicode, and `.` is no end of a line.

    Raises:
        ValueError: with the place of an anchor, a boundary, a look-around, a back-reference, a
            flag, a possessive quantifier, an atomic group, or broken syntax.
    """
    return _Parser(pattern, search).whole()


class _Parser:
    def __init__(self, pattern, search):
        self.pattern, self.search, self.at = pattern, search, 0
        self.any = but(one_of(LINE_ENDS if search else "\n"))
        space = WIDE_SPACE if search else SPACE
        self.classes = CLASSES | {"s": space, "S": but(space)}

    def whole(self):
        found = self.alternatives(self.found if self.search else self.sequence)
        if self.at < len(self.pattern):
            raise self.error(
                "unbalanced )" if self.ahead(")") else "nothing may follow the anchor $"
            )
        return found

    def alternatives(self, branch):
        branches = [branch()]
        while self.take("|"):
            branches.append(branch())
        return either(*branches)

    def found(self):
        """Parse an alternative that may match anywhere in the text, as far as its anchors allow."""
        before = () if self.take("^") else (ANYTHING,)
        branch = self.sequence(("|", ")", "$"))
        after = () if self.take("$") else (ANYTHING,)
        return then(*before, branch, *after)

    def sequence(self, ends=("|", ")")):
        parts = []
        while self.at < len(self.pattern) and not self.ahead(*ends):
            parts.append(self.quantified())
        return then(*parts)

    def quantified(self):
        start = self.at
        if self.peek() == "{" and self.bounds() is not None:
            raise self.error("nothing to repeat before {", self.at - start)
        part = self.atom()
        bounds = self.bounds()
        if bounds is None:
            return part
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
        self.at = end + 1
        least = int(low or 0)
        most = least if not comma else int(high) if high else None
        if most is not None and most < least:
            raise self.error("the bounds of a repeat are the wrong way round", 1)
        return least, most

    def atom(self):
        c = self.next()
        if c == "(":
            return self.group()
        if c == "[":
            return self.set()
        if c == ".":
            return self.any
        if c == "\\":
            return self.escape()
        if c in "^$":
            raise self.error(
                "an anchor may only stand at the ends of an alternative of the whole pattern, as "
                "in ^foo$|^bar$"
                if self.search
                else f"drop the anchor {c}: the whole text is matched anyway",
                1,
            )
        if c in "*+?":
            raise self.error(f"nothing to repeat before {c}", 1)
        return one_of(c)

    def group(self):
        if self.take("?"):
            if self.take("P<") or (self.ahead("<") and not self.ahead("<=", "<!")):
                end = self.pattern.find(">", self.at)
                self.at = end + 1 if end >= 0 else len(self.pattern)
            elif not self.take(":"):
                raise self.error(
                    f"(?{self.peek()} is not supported: of the extensions only (?:...) and named "
                    "groups are; look-around, flags and conditions are not"
                )
        found = self.alternatives(self.sequence)
        if not self.take(")"):
            raise self.error("missing )")
        return found

    def escape(self, inside=False):
        c = self.next()
        if c in self.classes:
            return self.classes[c]
        if c in HEX:
            return self.by_number(HEX[c])
        if c in CONTROLS and not (c == "0" and self.peek().isdigit()):
            return one_of(CONTROLS[c])
        if inside and c == "b":
            return one_of("\b")
        if c in "bBAZzG":
            raise self.error(
                f"\\{c} is not supported" + ("" if self.search else ": the whole text is matched"),
                2,
            )
        if c.isdigit():
            raise self.error(f"back-references and octal escapes are not supported: \\{c}", 2)
        if c.isascii() and c.isalpha():
            raise self.error(f"unknown escape \\{c}", 2)
        return one_of(c)

    def by_number(self, digits):
        written = self.pattern[self.at : self.at + digits]
        self.at += digits
        try:
            point = int(written, 16) if len(written) == digits and written.isalnum() else -1
        except ValueError:
            point = -1
        if not 0 <= point <= 0x10FFFF or 0xD800 <= point <= 0xDFFF:
            raise self.error(f"not the number of a character: {written!r}", digits)
        return chars([(point, point)])

    def set(self):
        negated = self.take("^")
        ranges, first = [], True
        while first or not self.ahead("]"):
            first = False
            low = self.member()
            if self.ahead("-") and not self.ahead("-]"):
                self.at += 1
                high = self.member()
                a, b = _single(low), _single(high)
                if a is None or b is None or a > b:
                    raise self.error("bad range in a set", 1)
                ranges.append((a, b))
            else:
                ranges.extend(low.ranges)
        self.at += 1
        return but(chars(ranges)) if negated else chars(ranges)

    def member(self):
        c = self.next("missing ]")
        return self.escape(inside=True) if c == "\\" else one_of(c)

    def peek(self):
        return self.pattern[self.at : self.at + 1]

    def next(self, missing="the pattern ends too early"):
        if self.at >= len(self.pattern):
            raise self.error(missing)
        self.at += 1
        return self.pattern[self.at - 1]

    def ahead(self, *signs):
        return self.pattern.startswith(signs, self.at)

    def take(self, sign):
        found = self.ahead(sign)
        self.at += len(sign) * found
        return found

    def error(self, what, back=0):
        return ValueError(f"{what} (at {self.at - back} of the pattern {self.pattern!r})")


def _single(one: Chars):
    """Return the code point of a set of one character, or None."""
    (pair,) = one.ranges if len(one.ranges) == 1 else ((0, -1),)
    return pair[0] if pair[0] == pair[1] else None
