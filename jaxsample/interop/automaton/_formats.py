"""The texts of the formats that JSON schemas name; never more than a format allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from jaxsample.interop.automaton._language import Node, Repeat, either, text, then
from jaxsample.interop.automaton._machines import ANY_CHARACTER, both
from jaxsample.interop.automaton._regex import parse

# A day exists in its month, and February 29 in leap years only. Many readers know no year 0.
LEAP = "([0-9][0-9](0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
DATE = (
    f"({YEAR}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    f"|02-(0[1-9]|1[0-9]|2[0-8]))|{LEAP}-02-29)"
)
ZONE = "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
FRACTION = r"(\.[0-9]+)?"
TIME = (
    f"(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]{FRACTION}{ZONE}|23:59:60{FRACTION}([Zz]|[+-]00:00))"
)
_DAYS = "([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)"
_HOURS = "T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)"
DURATION = f"P([0-9]+W|{_DAYS}({_HOURS})?|{_HOURS})"

HEX = "[0-9a-fA-F]"
UUID = f"{HEX}{{8}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{12}}"
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = f"({_BYTE}\\.){{3}}{_BYTE}"
LOCAL = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*@"

# https://www.rfc-editor.org/rfc/rfc3986, appendix A, without addresses in brackets.
_ESCAPE = f"%{HEX}{{2}}"
_LETTER = f"([a-zA-Z0-9._~!$&'()*+,;=:@-]|{_ESCAPE})"
_NAME = f"([a-zA-Z0-9._~!$&'()*+,;=-]|{_ESCAPE})"
_AUTHORITY = f"//(({_NAME}|:)*@)?{_NAME}*(:[0-9]*)?(/{_LETTER}*)*"
_ROOTED = f"/({_LETTER}+(/{_LETTER}*)*)?"
_TAIL = f"(\\?({_LETTER}|[/?])*)?(#({_LETTER}|[/?])*)?"
_SCHEME = "[a-zA-Z][a-zA-Z0-9+.-]*:"
URI = f"{_SCHEME}({_AUTHORITY}|{_ROOTED}|{_LETTER}+(/{_LETTER}*)*)?{_TAIL}"
_RELATIVE = f"({_AUTHORITY}|{_ROOTED}|({_NAME}|@)+(/{_LETTER}*)*)?{_TAIL}"
POINTER = "(/([^/~]|~[01])*)*"

# Regular expressions of a few forms that all dialects read alike; groups do not lie in each other.
_ESCAPED = r"\\[dDwWsSnrt^$.*+?()[\]{}|/\\]"
_SET = r"\[\^?(a-z|A-Z|0-9|[a-zA-Z0-9_ .,:;@#%!=<>+*/]|\\[dDwWsS^\]\\-])+\]"
_BOUNDS = "|".join(f"{n},[{n}-9]" for n in range(10))
_TIMES = f"([*+?]\\??|\\{{([0-9]{{1,2}},?|{_BOUNDS}|[0-9],[1-9][0-9]{{1,2}})\\}})?"
_PIECE = f"([^\\\\^$.*+?()[\\]{{}}|/\x00-\x1f]|{_ESCAPED}|{_SET}|\\.){_TIMES}"
_GROUP = f"\\((\\?:)?({_PIECE})*(\\|({_PIECE})*)*\\){_TIMES}"
_BRANCH = f"\\^?({_PIECE}|{_GROUP})*\\$?"
REGEX = f"{_BRANCH}(\\|{_BRANCH})*"


def _ipv6() -> str:
    """Eight groups, the last two perhaps as IPv4; `::` stands for one or more groups of zeros."""
    group = f"{HEX}{{1,4}}"
    found = [f"({group}:){{6}}({group}:{group}|{IPV4})"]
    for before in range(8):
        left = 7 - before
        after = [f"{group}(:{group}){{0,{left - 1}}}"] if left else []
        after += [f"({group}:){{0,{left - 2}}}{IPV4}"] if left > 1 else []
        start = f"({group}:){{{before}}}:" if before else "::"
        found.append(f"{start}({'|'.join(after)})?" if after else start)
    return "|".join(found)


def _hostname() -> Node:
    """Up to 3 labels of 63 characters or 8 of 30, so that all are at most 253, without `--`."""
    return either(_labels(3, 63), _labels(8, 30))


def _labels(count: int, length: int) -> Node:
    label = both(parse("[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*"), Repeat(ANY_CHARACTER, 1, length))
    return then(label, Repeat(then(text("."), label), 0, count - 1))


def _parsed(pattern: str) -> Callable[[], Node]:
    return cache(lambda: parse(pattern))


_HOSTNAME = cache(_hostname)
_LABELS = "[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*(\\.[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*)*"


def _within(pattern: str, length: int) -> Node:
    return both(parse(pattern), Repeat(ANY_CHARACTER, 1, length))


def _email() -> Node:
    """A local part of 64 characters, and a domain such that all are at most 253."""
    local = _within(LOCAL[:-1], 64)
    return then(local, text("@"), either(_labels(3, 62), _labels(6, 30)))


_EMAIL = cache(_email)
_URI, _REFERENCE = _parsed(URI), _parsed(f"{URI}|{_RELATIVE}")
FORMATS: dict[str, Callable[[], Node]] = {
    "date": _parsed(DATE),
    "time": _parsed(TIME),
    "date-time": _parsed(f"{DATE}[Tt]{TIME}"),
    "duration": _parsed(DURATION),
    "uuid": _parsed(UUID),
    "regex": _parsed(REGEX),
    "ipv4": _parsed(IPV4),
    "ipv6": cache(lambda: parse(_ipv6())),
    "hostname": _HOSTNAME,
    "idn-hostname": _HOSTNAME,
    "email": _EMAIL,
    "idn-email": _EMAIL,
    "uri": _URI,
    "iri": _URI,
    "uri-reference": _REFERENCE,
    "iri-reference": _REFERENCE,
    "uri-template": _REFERENCE,
    "json-pointer": _parsed(POINTER),
    "relative-json-pointer": _parsed(f"(0|[1-9][0-9]*)(#|{POINTER})"),
}

# Beside a shorter bound these have at most 64 characters, so that no label needs to be counted.
LONG = 253
SHORTER: dict[str, Callable[[], Node]] = {
    "hostname": cache(lambda: _within(_LABELS, 63)),
    "idn-hostname": cache(lambda: _within(_LABELS, 63)),
    "email": cache(lambda: _within(LOCAL + _LABELS, 64)),
    "idn-email": cache(lambda: _within(LOCAL + _LABELS, 64)),
}
