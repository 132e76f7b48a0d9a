"""Where a text ends because it holds a stop string."""

from __future__ import annotations

from collections.abc import Sequence


def cut(text: str, stop: str | Sequence[str]) -> str:
    """Return the text up to the first stop string, or all of it if it holds none.

    The first string is the one that ends first; of several that end at one place, it is the
    longest. So the text is the same whether it is read at once or piece by piece.

    Raises:
        ValueError: if a string is empty.

    >>> cut("hello\\nUser: hi", ["User:", "\\nUser"])
    'hello'
    """
    found = first(text, listed(stop))
    return text if found is None else text[:found]


def listed(stop: str | Sequence[str]) -> list[str]:
    """Return one stop string or several as a list; ValueError if one is empty."""
    strings = [stop] if isinstance(stop, str) else list(stop)
    if "" in strings:
        raise ValueError(f"stop strings must have a character or more, got {stop!r}")
    return strings


def first(text: str, strings: Sequence[str]) -> int | None:
    """Return the place where the stop string that ends first begins."""
    places = ((text.find(s) + len(s), -len(s)) for s in strings if s in text)
    end, length = min(places, default=(-1, 0))
    return None if end < 0 else end + length


def begun(text: str, strings: Sequence[str]) -> int:
    """Return how many characters at the end of the text may belong to a stop string."""
    longest = max(map(len, strings), default=1) - 1
    return next(
        (
            n
            for n in range(min(longest, len(text)), 0, -1)
            if any(len(s) > n and s.startswith(text[-n:]) for s in strings)
        ),
        0,
    )
