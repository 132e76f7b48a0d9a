"""The words in which texts say the values of E2E slots.

All patterns are for lower case without accents. Texts write "3 out of 5" for an average rating and
"cheap" for less than £20, and the reverse.
"""

from __future__ import annotations

SAME = {
    ("pricerange", "less than £20"): "cheap",
    ("pricerange", "£20-25"): "moderate",
    ("pricerange", "more than £30"): "high",
    ("customer rating", "1 out of 5"): "low",
    ("customer rating", "3 out of 5"): "average",
    ("customer rating", "5 out of 5"): "high",
}
"""Values that texts do not tell apart: the value in words of one in numbers."""

CHILDREN = r"(?:child|children|kids?|famil(?:y|ies))"
RATED = r"(?:rat(?:ed?|es|ings?)|reviews?|reviewed|scores?)"
PRICE = r"(?:pric(?:e range|es?|ed|ing)|cost)"
# Words that end what belongs together: conjunctions, refusals, and the nouns of other attributes.
ENDS = r"and|but|or|with|while|not|no|never|isn't|aren't|doesn't|don't"
NOUNS = r"food|cuisine|pubs?|restaurants?|coffee|shop|service|quality"


def _few(nouns: str) -> str:
    """Match up to three words of one clause without the nouns of other attributes."""
    return rf"(?:(?!(?:{ENDS}|{nouns})\b)[\w']+ ){{0,3}}"


NEAR_PRICE = _few(rf"{RATED}|customers?|{NOUNS}|{CHILDREN}")
NEAR_RATING = _few(rf"{PRICE}|{NOUNS}|{CHILDREN}")
NEAR_CHILDREN = _few(rf"{PRICE}|{RATED}")
RATING_NEXT = rf"(?! (?:customers? )?{RATED}\b)"
PRICE_NEXT = rf"(?![ -]{PRICE}\b)"


def _price(words: str) -> str:
    return (
        rf"\b(?:{words})(?:ly|er)?[ -]{NEAR_PRICE}{PRICE}"
        rf"|\b{PRICE} {NEAR_PRICE}(?:{words})\b{RATING_NEXT}"
    )


def _rating(words: str) -> str:
    return (
        rf"\b(?:{words})(?:ly)?[ -]{NEAR_RATING}{RATED}"
        rf"|\b{RATED} {NEAR_RATING}(?:{words})(?:ly)?\b{PRICE_NEXT}"
    )


def _stars(number: str) -> str:
    five = r"(?: ?/ ?| (?:out )?of )(?:a possible )?(?:5|five)\b"
    return rf"\b(?:{number})(?:(?:[ -]stars?)?{five}|[ -]stars?\b)"


def _pounds(number: str) -> str:
    return rf"(?:£ ?|(?<![\w£]))(?:{number})(?!\w)"


TWENTY, THIRTY = _pounds("20|twenty"), _pounds("30|thirty")

NUMBERS = {
    "pricerange": {
        "cheap": rf"\b(?:less th[ae]n|under|below|up to) {TWENTY}",
        "moderate": rf"{TWENTY}(?: ?pounds?)?(?: ?- ?| to | and ){_pounds('25|twenty[ -]five')}",
        "high": rf"\b(?:more th[ae]n|over|above) {THIRTY}",
    },
    "customer rating": {
        "low": _stars("1|one"),
        "average": _stars("3|three"),
        "high": _stars("5|five"),
    },
}
"""A number says more than an adjective: "a good rating of 3 out of 5" is an average one."""

WORDS = {
    ("eattype", "coffee shop"): r"\bcoffee[ -]?(?:shop|house)|\bcafe\b",
    ("eattype", "restaurant"): r"\brestaurant",
    ("eattype", "pub"): r"\bpubs?\b",
    ("area", "city centre"): r"\b(?:city|town)[ -]cent(?:re|er)|\bcent(?:re|er) of (?:the )?"
    r"(?:city|town)|\bin the cent(?:re|er)\b|\bdowntown\b",
    ("area", "riverside"): r"\briver ?(?:side|bank|front)|\b(?:by|near|at|on|along|beside|next to"
    r"|close to|off) (?:the )?(?:\w+ of the )?river\b",
    ("food", "fast food"): r"\bfast[ -]foods?\b",
    ("food", "english"): r"\b(?:english|british)\b",
    ("pricerange", "cheap"): _price("low")
    + r"|\b(?:cheap|inexpensive|affordabl|low[ -](?:cost|priced?)\b)",
    ("pricerange", "moderate"): _price(
        "moderate|mid|mid-range|medium|average|reasonable|reasonably"
    )
    + r"|\bmoderately expensive",
    ("pricerange", "high"): _price("high") + r"|\b(?<!moderately )(?:expensive|pricey|high[ -]end)",
    ("customer rating", "low"): _rating("low|bad|poor"),
    ("customer rating", "average"): _rating("average|moderate"),
    ("customer rating", "high"): _rating("high|good|well|great|excellent"),
    ("familyfriendly", "no"): (
        rf"\b(?:not?|non|isn't|never|without)[ -](?!(?:only|just|better)\b){NEAR_CHILDREN}"
        rf"{CHILDREN}\b"
        rf"|\badults?[ -]only\b|\bonly for adults|\bunsuitable for {NEAR_CHILDREN}{CHILDREN}\b"
        rf"|\b{CHILDREN}[ -](?:unfriendly|free)\b|\b{CHILDREN} (?:(?:is|are) not|isn't|aren't)\b"
        rf"|\b(?:does not|doesn't|do not|don't) {NEAR_CHILDREN}{CHILDREN}\b"
    ),
    ("familyfriendly", "yes"): (
        rf"\b{CHILDREN}[ -](?:(?:and|or) {CHILDREN}[ -])?(?:friendly|orient)"
        rf"|\b(?:for|welcom\w+|allow\w*|bring|suit\w*|enjoy\w*) (?:adults and )?"
        rf"{NEAR_CHILDREN}{CHILDREN}\b"
        rf"|\b{CHILDREN} (?:is|are) {NEAR_CHILDREN}(?:welcome|allowed|permitted)"
        rf"|\b{CHILDREN}(?:'?s?'?) (?:place|restaurant|pub|coffee|venue|menu|area)"
    ),
}
"""Paraphrases of values. A value that is not here is looked for word by word."""

A_FEW = (
    r"(?:(?:an?|the|any|very|too|so|really|particularly|in|at|by|on|near|close|to|of|serve|offer"
    r"|have|sell|located|situated|considered|be|its) ){0,3}"
)
REFUSAL = rf"\b(?:not|non|never|no|without|isn't|aren't|doesn't|don't)[ -]{A_FEW}"
"""Words that refuse the value behind them; "not only" and "no better" do not."""
OUTSIDE = rf"\b(?:outside|away from) {A_FEW}"
"""Words that refuse an area, but not a place nearby."""
