"""The characters of strings that fit a case."""

from __future__ import annotations

from jaxsample.interop.automaton._cases import Case
from jaxsample.interop.automaton._formats import FORMATS, LONG, SHORTER
from jaxsample.interop.automaton._language import NOTHING, Node, Repeat, either, text
from jaxsample.interop.automaton._machines import ANY_CHARACTER, both, span, without
from jaxsample.interop.automaton._member import Members

LONGEST = 2048  # no string with a larger bound is written longer than this


def characters(members: Members, case: Case) -> Node:
    """Return the texts of strings, without quotes and escapes.

    Raises:
        ValueError: if a pattern can't be kept, with its place.
    """
    listed = members.listed(case)
    if listed is not None:
        return either(*map(text, listed))
    reader = members.reader
    low, high = reader.size(case, "minLength", "maxLength")
    parts = [reader.pattern(x, place) for place, x in reader.said(case, "pattern")]
    for _, name in reader.said(case, "format"):
        if name in SHORTER and high is not None and high < LONG:
            parts.append(SHORTER[name]())
        elif name in FORMATS:
            parts.append(FORMATS[name]())
        else:
            members.cases.ignored[f"format {name!r}"] = None
    if high is not None and high < low:
        return NOTHING
    if high is not None:
        high = min(high, max(low, LONGEST))
    if not parts:
        parts.append(Repeat(ANY_CHARACTER, low, high))
    elif low or high is not None:
        shortest, longest = span(parts[0])
        if shortest < low or (high is not None and (longest is None or longest > high)):
            parts.append(Repeat(ANY_CHARACTER, low, high))
    found = parts[0]
    for part in parts[1:]:
        found = both(found, part)
    for place, pattern in reader.said(case, "$unlike"):
        found = without(found, reader.pattern(pattern, place))
    _, excluded = reader.values(case)
    if excluded:
        found = without(found, either(*(text(v) for v in excluded if isinstance(v, str))))
    return found
