"""The decimal texts of numbers between bounds and of multiples."""

from __future__ import annotations

from decimal import Decimal

from jaxsample.interop.automaton._json_text import INTEGER, NUMBER
from jaxsample.interop.automaton._language import (
    EMPTY,
    NOTHING,
    Graph,
    Node,
    Repeat,
    chars,
    either,
    text,
    then,
)
from jaxsample.interop.automaton._machines import both, is_empty, without
from jaxsample.interop.automaton._reading import Bound, Numbers
from jaxsample.interop.automaton._regex import parse

MAX_REMAINDERS = 2000
DIGIT = parse("[0-9]")
DIGITS = Repeat(DIGIT, 0, None)
FRACTION = parse(r"(\.[0-9]+)?")
PLAIN = then(INTEGER, FRACTION)
# A number of 15 digits can be told from others in float64; one of more may round to what it is not.
PRECISION = 15
EXACT = either(
    INTEGER,
    both(then(INTEGER, parse(r"\.[0-9]+")), parse(f"-?[0-9.]{{1,{PRECISION + 1}}}")),
)


def numbers(said: Numbers, excluded: list[Decimal]) -> Node:
    """Return the texts of numbers.

    Numbers without bounds may have an exponent; all others are written in plain digits.

    Raises:
        ValueError: if a multiple needs more than `MAX_REMAINDERS` remainders, or all numbers need
            more than `PRECISION` digits.
    """
    bounded = said.low is not None or said.high is not None
    if not (bounded or said.steps or excluded or said.whole is False):
        return INTEGER if said.whole else NUMBER
    found = _between(said.low, said.high, bool(said.whole)) if bounded else None
    if found is None:
        found = INTEGER if said.whole else PLAIN
    for step in said.steps:
        found = both(found, _multiples(step))
    if said.whole is False:
        found = without(found, then(INTEGER, parse(r"(\.0+)?")))
    for number in excluded:
        found = without(found, _ways(number))
    strict = any(b and b.strict for b in (said.low, said.high))
    rounds = strict or said.steps or excluded or said.whole is False
    if not rounds or said.whole:
        return found
    kept = both(found, EXACT)
    if is_empty(kept) and not is_empty(found):
        raise ValueError(
            f"only numbers of more than {PRECISION} digits fit, which may round to others; "
            "widen the bounds"
        )
    return kept


def _ways(number):
    """Return all plain texts of a number."""
    whole, _, fraction = format(number.copy_abs(), "f").partition(".")
    fraction = fraction.rstrip("0")
    sign = text("-") if number < 0 else parse("-?") if number == 0 else EMPTY
    if not fraction:
        return then(sign, text(whole), parse(r"(\.0+)?"))
    return then(sign, text(f"{whole}.{fraction}"), parse("0*"))


def _between(low: Bound | None, high: Bound | None, whole: bool) -> Node:
    """Return the numbers between two bounds; at least one of them is given."""
    zero = Bound(Decimal(0), False)
    parts = []
    if high is None or high.value >= 0:
        parts.append(_positive(low if low and low.value >= 0 else zero, high, whole))
    if low is None or low.value < 0:
        start = Bound(high.value.copy_negate(), high.strict) if high and high.value <= 0 else zero
        end = low and Bound(low.value.copy_negate(), low.strict)
        parts.append(then(text("-"), _positive(start, end, whole)))
    return either(*parts)


def _positive(low: Bound, high: Bound | None, whole: bool) -> Node:
    """Return the numbers from `low` >= 0 to `high`."""
    first, last = int(low.value), None if high is None else int(high.value)
    if whole:
        first += low.value != first or low.strict
        if high is not None and last is not None:
            last -= high.value == last and high.strict
        return _integers(first, last)
    if last is not None and last < first:
        return NOTHING
    above = _at_least(_digits(low.value), low.strict)
    below = FRACTION if high is None else _at_most(_digits(high.value), high.strict)
    if last == first:
        return then(text(str(first)), both(above, below))
    parts = [
        then(text(str(first)), above),
        then(_integers(first + 1, None if last is None else last - 1), FRACTION),
    ]
    if last is not None:
        parts.append(then(text(str(last)), below))
    return either(*parts)


def _digits(number):
    return format(number, "f").partition(".")[2].rstrip("0")


def _at_least(digits, strict):
    """Return the fractions, with their point, that are at least 0.digits."""
    if not digits and not strict:
        return FRACTION

    n = len(digits)  # a state for each equal digit, then one for all larger fractions
    edges = [((_digit(int(d) + 1, 9), n + 1), (text(d), i + 1)) for i, d in enumerate(digits)]
    equal = ((text("0"), n), (_digit(1, 9), n + 1)) if strict else ((DIGIT, n + 1),)
    accepts = (*[False] * n, not strict, True)
    return then(text("."), Graph((*edges, equal, ((DIGIT, n + 1),)), accepts))


def _at_most(digits, strict):
    """Return the fractions, with their point, that are at most 0.digits."""

    if not digits:
        return NOTHING if strict else parse(r"(\.0+)?")
    n = len(digits)  # a state for each equal digit, then one for all smaller fractions
    edges = [((_digit(0, int(d) - 1), n + 1), (text(d), i + 1)) for i, d in enumerate(digits)]
    accepts = (False, *[True] * (n - 1), not strict, True)
    fraction = Graph((*edges, ((text("0"), n),), ((DIGIT, n + 1),)), accepts)
    return either(EMPTY, then(text("."), fraction))


def _digit(low, high):
    return chars([(0x30 + low, 0x30 + high)] if low <= high else [])


def _integers(low: int, high: int | None) -> Node:
    """Return the integers from `low` >= 0 to `high`."""
    if high is not None and high < low:
        return NOTHING
    start = str(low)
    if high is None:
        more = then(_digit(1, 9), Repeat(DIGIT, len(start), None))
        return either(_same_length(start, "9" * len(start)), more)
    end = str(high)
    if len(start) == len(end):
        return _same_length(start, end)
    parts = [
        _same_length(start, "9" * len(start)),
        _same_length("1" + "0" * (len(end) - 1), end),
    ]
    if len(end) - len(start) > 1:
        parts.append(then(_digit(1, 9), Repeat(DIGIT, len(start), len(end) - 2)))
    return either(*parts)


def _same_length(low: str, high: str) -> Node:
    """Return the digits from `low` to `high`, which are equally long."""
    ties = [(True, True), (True, False), (False, True), (False, False)]  # equal to low, to high
    edges = []
    for i, (least, most) in enumerate(zip(map(int, low), map(int, high), strict=True)):
        for like_low, like_high in ties:
            moves = {}
            for d in range(least if like_low else 0, (most if like_high else 9) + 1):
                tie = ties.index((like_low and d == least, like_high and d == most))
                moves.setdefault(4 * (i + 1) + tie, []).append(d)
            edges.append(tuple((_digit(some[0], some[-1]), to) for to, some in moves.items()))
    return Graph((*edges, *[()] * 4), (*[False] * len(edges), *[True] * 4))


def _multiples(step: Decimal) -> Node:
    """Return the plain texts of the multiples of a number; those of an integer are integers."""
    places = max(0, -int(step.normalize().as_tuple().exponent))
    n = int(step.scaleb(places))
    if n * (places + 1) > MAX_REMAINDERS:
        raise ValueError(f"'multipleOf' {step} needs more than {MAX_REMAINDERS} states")
    zero, first = 2, 3  # the integer part 0, to which no digit may follow; the other states

    def after(place, remainder, digit):
        return first + place * n + (10 * remainder + digit) % n

    def point(remainder):
        return [(text(f".{d}"), after(1, remainder, d)) for d in range(10) if places]

    begin = [(text("0"), zero), *((text(str(d)), after(0, 0, d)) for d in range(1, 10))]
    edges = [[(text("-"), 1), *begin], begin, point(0)]
    accepts = [False, False, True]
    for place in range(places + 1):
        for remainder in range(n):
            if place == 0:
                moves = [(text(str(d)), after(0, remainder, d)) for d in range(10)]
                moves += point(remainder)
            elif place < places:
                moves = [(text(str(d)), after(place + 1, remainder, d)) for d in range(10)]
            else:
                moves = [(text("0"), first + place * n + remainder)]
            edges.append(moves)
            accepts.append(remainder * 10 ** (places - place) % n == 0)
    return Graph(tuple(map(tuple, edges)), tuple(accepts))
