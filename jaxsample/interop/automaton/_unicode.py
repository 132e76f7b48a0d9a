r"""Sets of characters by their properties in Unicode, the \p{..} of regular expressions."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from functools import cache
from itertools import groupby

from jaxsample.interop.automaton._language import LAST, Chars, but, chars

# https://www.unicode.org/Public/UCD/latest/ucd/PropertyValueAliases.txt
LONG_NAMES = {
    "Other": "C", "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Unassigned": "Cn",
    "Private_Use": "Co", "Letter": "L", "Cased_Letter": "LC", "Lowercase_Letter": "Ll",
    "Modifier_Letter": "Lm", "Other_Letter": "Lo", "Titlecase_Letter": "Lt",
    "Uppercase_Letter": "Lu", "Mark": "M", "Combining_Mark": "M", "Spacing_Mark": "Mc",
    "Enclosing_Mark": "Me", "Nonspacing_Mark": "Mn", "Number": "N", "Decimal_Number": "Nd",
    "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No", "Punctuation": "P", "punct": "P",
    "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd", "Close_Punctuation": "Pe",
    "Final_Punctuation": "Pf", "Initial_Punctuation": "Pi", "Other_Punctuation": "Po",
    "Open_Punctuation": "Ps", "Symbol": "S", "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk",
    "Math_Symbol": "Sm", "Other_Symbol": "So", "Separator": "Z", "Line_Separator": "Zl",
    "Paragraph_Separator": "Zp", "Space_Separator": "Zs",
}  # fmt: skip
CATEGORY = ("General_Category=", "gc=")


def property_of(name: str) -> Chars:
    r"""Return the characters of a property, which ECMAScript writes \p{name}.

    Properties are the general categories, ASCII, Any and Assigned, as in the version of Unicode of
    the module `unicodedata`.

    Raises:
        ValueError: if the name is none of these.
    """
    others = {
        "Any": but(chars([])),
        "ASCII": chars([(0, 0x7F)]),
        "Assigned": but(chars(categories()["Cn"])),
    }
    if name in others:
        return others[name]
    for prefix in CATEGORY:
        name = name.removeprefix(prefix)
    name = LONG_NAMES.get(name, name)
    if name == "LC":
        return chars(x for one in ("Lu", "Ll", "Lt") for x in categories()[one])
    if name not in categories():
        raise ValueError(
            f"\\p{{{name}}} is not supported: of Unicode's properties only the general categories "
            "(L, Lu, Letter, ..), ASCII, Any and Assigned are"
        )
    return chars(categories()[name])


@cache
def categories() -> dict[str, list[tuple[int, int]]]:
    """Return the ranges of code points of each general category, by two letters and by one."""
    found = defaultdict(list)
    first = 0
    for name, points in groupby(map(unicodedata.category, map(chr, range(LAST + 1)))):
        after = first + sum(1 for _ in points)
        for one in (name, name[0]):
            found[one].append((first, after - 1))
        first = after
    return dict(found)
