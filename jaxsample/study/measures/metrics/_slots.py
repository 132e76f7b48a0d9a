"""The slots of an E2E meaning representation that a text realises."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from jaxsample.study.measures.metrics._slot_words import (
    NUMBERS,
    OUTSIDE,
    REFUSAL,
    SAME,
    WORDS,
)

PLACES = "name", "near"
SLOT = re.compile(r"\s*([^\[\],]+?)\s*\[\s*([^\[\]]*?)\s*\]\s*(?:,|$)")


def slots_of(meaning: str) -> dict[str, str]:
    """Return the slots of a meaning representation such as "name[Cotto], food[English]".

    Raises:
        ValueError: if a part of the text is not "slot[value]", or a slot comes twice.

    >>> slots_of("name[Cotto], customer rating[3 out of 5]")
    {'name': 'Cotto', 'customer rating': '3 out of 5'}
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(meaning) or not found:
        match = SLOT.match(meaning, at)
        if match is None:
            raise ValueError(
                f"{meaning[at:]!r} does not begin with a slot and its value; write a meaning as "
                "'name[The Mill], food[English]'"
            )
        name, value = match.groups()
        if name in found:
            raise ValueError(f"the slot {name!r} comes twice in {meaning!r}")
        found[name], at = value, match.end()
    return found


def realised(text: str, slots: Mapping[str, str]) -> dict[str, bool]:
    """Return for each slot of an E2E meaning whether a text says it.

    A value counts if the text has it word by word, whatever the case and the accents, or in one of
    its usual paraphrases: "by the river" for the area riverside, "British" for English food, "3 out
    of 5" for an average rating and the reverse. A number beats an adjective: "a good rating of 3
    out of 5" is an average one. A value that the text refuses does not count: "not cheap",
    "outside the city centre". The words of the name and of the place nearby count for these slots
    alone, so "Raja Indian Cuisine" is no Indian food. A text may say more than the meaning does;
    that is not counted.

    Args:
        text: a text in English.
        slots: the values by name, as `slots_of` returns them.

    Reference: after the slot error rate by patterns of Dušek et al., 2019,
    https://aclanthology.org/W19-8652, with fewer patterns of our own.

    >>> realised("The Mill serves British food by the river.",
    ...          {"name": "The Mill", "food": "English", "area": "riverside", "near": "Cotto"})
    {'name': True, 'food': True, 'area': True, 'near': False}
    """
    words = rest = _plain(text)
    given = {name: (_plain(name), _plain(value)) for name, value in slots.items()}
    for name, value in given.values():
        if name in PLACES:
            rest = _place(value).sub(" ", rest)
    found = {}
    for slot, (name, value) in given.items():
        if name == "name":
            found[slot] = bool(_place(value).search(words))
        elif name == "near":
            found[slot] = _unrefused(_place(value), words)
        else:
            found[slot] = _says(rest, name, value)
    return found


def slot_share(texts: Sequence[str], meanings: Sequence[str]) -> np.ndarray:
    """Return the share of the slots of each meaning that its text realises, in 0..1.

    Args:
        texts: N texts.
        meanings: N meaning representations in the form of E2E, see `slots_of`.

    Returns:
        `[N]` float64. See `realised` for when a slot counts.

    Raises:
        ValueError: if a meaning is malformed, or the two lengths differ.

    Reference: the E2E data, Novikova et al., 2017, https://aclanthology.org/W17-5525

    >>> slot_share(["Cotto is a pub."], ["name[Cotto], eatType[coffee shop]"])
    array([0.5])
    """
    if len(texts) != len(meanings):
        raise ValueError(f"{len(texts)} texts cannot have {len(meanings)} meanings")
    each = (realised(text, _known(one)) for text, one in zip(texts, meanings, strict=True))
    return np.asarray([sum(found.values()) / len(found) for found in each], np.float64)


_known = functools.lru_cache(4096)(slots_of)


def _says(words: str, name: str, value: str) -> bool:
    if (name, value) == ("familyfriendly", "yes") and _pattern(WORDS[name, "no"]).search(words):
        return False
    value = SAME.get((name, value), value)
    numbers = NUMBERS.get(name, {})
    told = [each for each, pattern in numbers.items() if _unrefused(_pattern(pattern), words)]
    if told and value in numbers:
        return value in told
    refusals = REFUSAL if name != "area" else f"{REFUSAL}|{OUTSIDE}"
    return _unrefused(_pattern(WORDS.get((name, value)) or _exactly(value)), words, refusals)


def _place(value: str) -> re.Pattern[str]:
    return _pattern(_exactly(value.removeprefix("the ")))


def _unrefused(pattern: re.Pattern[str], words: str, refusals: str = REFUSAL) -> bool:
    """Return whether a pattern is found where no refusal ends before it."""
    refusal = _pattern(f"(?:{refusals})$")
    return any(not refusal.search(words, 0, found.start()) for found in pattern.finditer(words))


def _exactly(value: str) -> str:
    return rf"(?<!\w){re.escape(value)}(?!\w)"


_pattern = functools.lru_cache(4096)(re.compile)


def _plain(text: str) -> str:
    """Return a text in lower case, without accents, with plain apostrophes and single spaces."""
    apart = unicodedata.normalize("NFKD", text.replace("’", "'").replace("–", "-"))
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(bare.lower().split())
