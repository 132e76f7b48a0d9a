"""The slots of an E2E meaning representation that a text realises."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

PLACES = "name", "near"
SLOT = re.compile(r"\s*([^\[\],]+?)\s*\[\s*([^\[\]]*?)\s*\]\s*(?:,|$)")

CHILDREN = r"(?:child|children|kids?|famil(?:y|ies))"
WORDS = r"(?:[\w']+ ){0,3}"  # a few words between two that belong together
RATED = r"(?:rat(?:ed|ings?)|reviews?|reviewed|scores?)"
PRICE = r"pric(?:e range|es?|ed|ing)"


def _price(words: str, more: str) -> str:
    return rf"\b(?:{words})(?:ly|er)?[ -]{WORDS}{PRICE}|\b{PRICE} {WORDS}(?:{words})\b|{more}"


def _rating(words: str, number: str) -> str:
    stars = rf"\b(?:{number})(?:(?: out)? of (?:5|five)|[ -]stars?)"
    return rf"{stars}|\b(?:{words})(?:ly)?[ -]{WORDS}{RATED}|\b{RATED} {WORDS}(?:{words})(?:ly)?\b"


CHEAP = _price(
    "low",
    r"\b(?:cheap|inexpensive|affordabl|low[ -]cost)|\b(?:less than|under|below) (?:£ ?)?20\b",
)
MODERATE = _price(
    "moderate|mid|mid-range|medium|average|reasonable|reasonably",
    r"(?:£ ?)?\b20(?: ?- ?| to | and )(?:£ ?)?25\b",
)
DEAR = _price(
    "high", r"(?<!in)\b(?:expensive|pricey|high[ -]end)|\b(?:more than|over|above) (?:£ ?)?30\b"
)
LOW, AVERAGE = _rating("low|bad|poor", "1|one"), _rating("average|moderate", "3|three")
HIGH = _rating("high|good|well|great|excellent", "5|five")
REFUSED = (
    rf"\b(?:not?|non|isn't|never|without)[ -]{WORDS}{CHILDREN}\b|\badults?[ -]only\b"
    rf"|\bonly for adults|\bunsuitable for {WORDS}{CHILDREN}\b|\b{CHILDREN}[ -](?:unfriendly|free)"
    rf"|\b{CHILDREN} (?:(?:is|are) not|isn't|aren't)\b"
    rf"|\b(?:does not|doesn't|do not|don't) {WORDS}{CHILDREN}\b"
)
WELCOME = (
    rf"\b{CHILDREN}[ -](?:and {CHILDREN}[ -])?(?:friendly|orient)"
    rf"|\b(?:for|welcom\w+|allow\w*|bring|suit\w*|enjoy\w*) {WORDS}{CHILDREN}\b"
    rf"|\b{CHILDREN} (?:is|are) {WORDS}(?:welcome|allowed|permitted)"
    rf"|\b{CHILDREN} (?:place|restaurant|pub|coffee|venue)"
)

# Paraphrases of values, in lower case and without accents. Texts write "3 out of 5" for an average
# rating and "cheap" for less than £20, and the reverse.
PATTERNS = {
    ("eattype", "coffee shop"): r"\bcoffee[ -]?(?:shop|house)|\bcafe\b",
    ("eattype", "restaurant"): r"\brestaurant",
    ("eattype", "pub"): r"\bpubs?\b",
    ("area", "city centre"): r"\b(?:city|town)[ -]cent(?:re|er)|\bcent(?:re|er) of (?:the )?"
    r"(?:city|town)|\bin the cent(?:re|er)\b|\bdowntown\b",
    ("area", "riverside"): r"\briver ?(?:side|bank|front)|\b(?:by|near|at|on|along|beside|next to"
    r"|close to|off) (?:the )?(?:\w+ of the )?river\b",
    ("food", "fast food"): r"\bfast[ -]foods?\b",
    ("food", "english"): r"\b(?:english|british)\b",
    **dict.fromkeys([("pricerange", "cheap"), ("pricerange", "less than £20")], CHEAP),
    **dict.fromkeys([("pricerange", "moderate"), ("pricerange", "£20-25")], MODERATE),
    **dict.fromkeys([("pricerange", "high"), ("pricerange", "more than £30")], DEAR),
    **dict.fromkeys([("customer rating", "low"), ("customer rating", "1 out of 5")], LOW),
    **dict.fromkeys([("customer rating", "average"), ("customer rating", "3 out of 5")], AVERAGE),
    **dict.fromkeys([("customer rating", "high"), ("customer rating", "5 out of 5")], HIGH),
    ("familyfriendly", "no"): REFUSED,
    ("familyfriendly", "yes"): WELCOME,
}


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
    of 5" for an average rating and the reverse. The text must not refuse families for
    familyFriendly[yes]. The words of the name and of the place nearby count for these slots alone,
    so "Raja Indian Cuisine" is no Indian food. A text may say more than the meaning does; that is
    not counted.

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
    return {
        slot: bool(_place(value).search(words)) if name in PLACES else _says(rest, name, value)
        for slot, (name, value) in given.items()
    }


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
    if (name, value) == ("familyfriendly", "yes") and _pattern(name, "no").search(words):
        return False
    return _pattern(name, value).search(words) is not None


@functools.lru_cache(4096)
def _place(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(value.removeprefix('the '))}(?!\w)")


@functools.lru_cache(4096)
def _pattern(name: str, value: str) -> re.Pattern[str]:
    return re.compile(PATTERNS.get((name, value)) or rf"(?<!\w){re.escape(value)}(?!\w)")


def _plain(text: str) -> str:
    """Return a text in lower case, without accents, with plain apostrophes and single spaces."""
    apart = unicodedata.normalize("NFKD", text.replace("’", "'").replace("–", "-"))
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(bare.lower().split())
