"""A reader of the parts of a regular expression that stand for one character."""

from __future__ import annotations

from jaxsample.interop.automaton._language import Chars, but, chars, one_of
from jaxsample.interop.automaton._unicode import property_of

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
CASE = ord("a") - ord("A")


class Characters:
    """Reads characters, escapes and sets.

    Args:
        pattern: the whole expression.
        ecmascript: whether it is read as ECMAScript does, or else as `re` does.
    """

    def __init__(self, pattern: str, ecmascript: bool):
        self.pattern, self.ecmascript, self.at = pattern, ecmascript, 0
        self.any_case = self.dot_all = False
        space = WIDE_SPACE if ecmascript else SPACE
        self.classes = CLASSES | {"s": space, "S": but(space)}

    def character(self) -> Chars:
        """Read a character, an escape or a set."""
        c = self.next()
        if c == "[":
            return self.set()
        if c == ".":
            return but(one_of(LINE_ENDS if self.ecmascript else "" if self.dot_all else "\n"))
        return self.folded(self.escape() if c == "\\" else one_of(c))

    def folded(self, given):
        """Add the other case of ASCII letters, as `re` does with its flag i."""
        if not self.any_case:
            return given
        more = []
        for first, step in (("A", CASE), ("a", -CASE)):
            low, high = ord(first), ord(first) + 25
            more += [(max(a, low) + step, min(b, high) + step) for a, b in given.ranges]
        return chars([*given.ranges, *((a, b) for a, b in more if a <= b)])

    def escape(self, inside=False):
        c = self.next()
        if c in self.classes:
            return self.classes[c]
        if c in ("p", "P"):
            return self.property(c == "P")
        if c in HEX:
            return self.by_number(HEX[c])
        if c in CONTROLS and not (c == "0" and self.peek().isdigit()):
            return one_of(CONTROLS[c])
        if inside and c == "b":
            return one_of("\b")
        if c in "bBAZzG":
            raise self.error(f"\\{c} is not supported", 2)
        if c.isdigit():
            raise self.error(f"back-references and octal escapes are not supported: \\{c}", 2)
        if self.ecmascript and c == "c" and self.peek().isascii() and self.peek().isalpha():
            return one_of(chr(ord(self.next()) % 32))
        if c.isascii() and c.isalpha():
            raise self.error(f"unknown escape \\{c}", 2)
        return one_of(c)

    def property(self, negated):
        name, end, _ = self.pattern[self.at :].partition("}")
        if not (name.startswith("{") and end):
            raise self.error("a name in braces must follow \\p")
        try:
            found = property_of(name[1:])
        except ValueError as error:
            raise self.error(str(error), 2) from None
        self.at += len(name) + 1
        return but(found) if negated else found

    def by_number(self, digits):
        if self.ecmascript and digits == 4 and self.take("{"):
            end = self.pattern.find("}", self.at)
            digits = max(end - self.at, 0)
            point = self.number(digits)
            self.at += 1
        else:
            point = self.number(digits)
            if self.ecmascript and 0xD800 <= point < 0xDC00 and self.take(r"\u"):
                low = self.number(4)
                pair = 0x10000 + (point - 0xD800) * 0x400 + low - 0xDC00
                point = pair if 0xDC00 <= low < 0xE000 else -1
        if not 0 <= point <= 0x10FFFF or 0xD800 <= point <= 0xDFFF:
            raise self.error(f"not the number of a character: {self.pattern[: self.at][-4:]!r}")
        return chars([(point, point)])

    def number(self, digits):
        written = self.pattern[self.at : self.at + digits]
        self.at += digits
        try:
            return int(written, 16) if len(written) == digits and written.isalnum() else -1
        except ValueError:
            return -1

    def set(self):
        negated = self.take("^")
        ranges, first = [], not self.ecmascript  # in ECMAScript [] and [^] are sets too
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
        found = self.folded(chars(ranges))
        return but(found) if negated else found

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
