"""The schemas of a document by their places, and the targets of references."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, uses_relative

from jaxsample.interop.automaton._values import kind_of

CONSTANTS = {"enum", "const"}
DATA = {"enum", "const", "default", "examples", "example"}  # what they hold is no schema
NAMED = {  # these hold schemas by names, which may look like keywords
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies",
}  # fmt: skip
OLD = re.compile(r"//json-schema\.org/draft-0([1-7])/")
NEWER = 8  # stands for all drafts after 7, which have no number


class Document:
    """All schemas of a document; a place is a JSON pointer that begins with #.

    `added` schemas have places too. They are made by rewriting others.
    """

    def __init__(self, root: Any):
        self.schemas: dict[str, Any] = {"#": root}
        self.bases: dict[str, str] = {"#": ""}  # places that have an address of their own
        self.drafts: dict[str, int] = {}  # for these places and the root
        self.addresses: dict[str, str] = {"": "#"}
        self.anchors: dict[tuple[str, str], str] = {}
        self.dynamic: dict[str, dict[str, str]] = {}  # for each dynamic anchor: places by addresses
        self.aliases: dict[str, str] = {}
        self.added: set[str] = set()
        _check_json(root)
        self._index(root, "#", "", NEWER)

    def _index(self, schema, place, base, draft):
        if isinstance(schema, list):
            for i, part in enumerate(schema):
                self._index(part, f"{place}/{i}", base, draft)
        if not isinstance(schema, Mapping):
            return
        base, draft = self._name(schema, place, base, draft)
        for name, part in schema.items():
            if name in NAMED and isinstance(part, Mapping):
                for key, inside in part.items():
                    self._index(inside, child(place, name, key), base, draft)
            elif name not in DATA:
                self._index(part, child(place, name), base, draft)

    def _name(self, schema, place, base, draft):
        """Keep the addresses of a schema; return the base and the draft of those inside."""
        if place == "#" or "$id" in schema or "id" in schema:
            if "$schema" in schema:
                found = OLD.search(str(schema["$schema"]))
                draft = int(found[1]) if found else NEWER
            self.drafts[place] = draft
        name = "$id"
        if draft <= 4 or (place == "#" and "$id" not in schema):
            name = "id"
        given = schema.get(name)
        alone = draft < NEWER and "$ref" in schema and place != "#"  # as `at` has it
        if isinstance(given, str) and not alone:
            address, fragment = urldefrag(joined(base, given))
            if fragment:
                self.anchors[address, fragment] = place
            if not given.startswith("#"):
                base = self.bases[place] = address
                self.addresses.setdefault(address, place)
        if draft < NEWER:
            return base, draft
        for name in ("$anchor", "$dynamicAnchor"):
            if isinstance(schema.get(name), str):
                self.anchors[base, schema[name]] = place
        if isinstance(schema.get("$dynamicAnchor"), str):
            self.dynamic.setdefault(schema["$dynamicAnchor"], {})[base] = place
        if schema.get("$recursiveAnchor") is True:
            self.dynamic.setdefault("", {})[base] = place
        return base, draft

    @property
    def is_draft_4(self) -> bool:
        """Whether 1.0 is no integer."""
        return self.draft("#") <= 4

    def draft(self, place: str) -> int:
        """Return the number of the draft that a schema is written in, or `NEWER`."""
        place = self._original(place)
        while place not in self.drafts:
            if place == "#":
                return NEWER
            place = place.rpartition("/")[0]
        return self.drafts[place]

    def at(self, place: str) -> Any:
        """Return the schema at a place; True, False or a mapping.

        Until draft 7 keywords beside `$ref` have no meaning, and they are left out.

        Raises:
            ValueError: if there is something else, or nothing.
        """
        found = self._at(place)
        if not isinstance(found, bool | Mapping):
            raise ValueError(f"a schema must be an object, got {found!r} at {place}")
        if isinstance(found, Mapping) and "$ref" in found and self.draft(place) < NEWER:
            return {"$ref": found["$ref"]}
        return found

    def _at(self, place):
        if place not in self.schemas:
            parent, _, name = place.rpartition("/")
            self.schemas[place] = _inside(self._at(parent), unescaped(name), place)
        return self.schemas[place]

    def add(self, place: str, schema: Any) -> str:
        """Add a schema that was made from the one at `place`; return where it is."""
        self.schemas.setdefault(place, schema)
        self.added.add(place)
        return place

    def is_added(self, place: str) -> bool:
        """Return whether a schema was added, or lies in one that was."""
        while place != "#" and place not in self.added:
            place = place.rpartition("/")[0]
        return place in self.added

    def alias(self, place: str) -> str:
        """Add a second place for a schema, which stands for its double negation; return it.

        A double negation allows the same values as the schema, but evaluates no property.
        """
        place = self._original(place)
        found = f"{place}/!as"
        self.aliases[found], self.schemas[found] = place, self.at(place)
        return found

    def _original(self, place):
        inside = place
        while inside not in self.aliases:
            if inside == "#":
                return place
            inside = inside.rpartition("/")[0]
        return self._original(self.aliases[inside] + place[len(inside) :])

    def targets(self, place: str) -> list[str]:
        """Return the places that the references of a schema point to; from an alias, aliases.

        Raises:
            ValueError: if one is not in this document, or depends on how the schema is reached.
        """
        schema = self.at(place)
        references = [k for k in ("$ref", "$dynamicRef", "$recursiveRef") if k in schema]
        return [self._target(schema[keyword], place, keyword) for keyword in references]

    def _target(self, reference, place, keyword):
        if not isinstance(reference, str):
            raise ValueError(f"{keyword!r} at {place} must be a text, got {reference!r}")
        inside = original = self._original(place)
        while inside not in self.bases:
            inside = inside.rpartition("/")[0]
        address, fragment = urldefrag(joined(self.bases[inside], reference))
        root = inside if reference.startswith("#") else self.addresses.get(address)
        fragment = unquote(fragment)
        if root is None:
            raise ValueError(
                f"{keyword!r} at {place} must be a place in the schema, #/..., got {reference!r}; "
                "nothing is loaded: write other schemas under '$defs' with their '$id'"
            )
        found = (
            root + fragment if fragment[:1] in ("", "/") else self.anchors.get((address, fragment))
        )
        if not self._holds(found):
            raise ValueError(f"{keyword!r} at {place} points nowhere: {reference!r}")
        if keyword != "$ref":
            found = self._outermost(found, self.dynamic.get(fragment, {}), place, keyword)
        return str(found) if original == place else self.alias(str(found))

    def _holds(self, place):
        """Return whether a place is known and has a schema."""
        try:
            return place is not None and self.at(place) is not None
        except ValueError:
            return False

    def _outermost(self, found, places, place, keyword):
        """Return where a dynamic reference points to; the whole document is outermost."""
        if found not in places.values() or len(places) == 1:
            return found
        if self.bases["#"] in places:
            return places[self.bases["#"]]
        raise ValueError(
            f"{keyword!r} at {place} is not supported: it may point to {', '.join(places.values())}"
        )


def joined(base: str, reference: str) -> str:
    """Return the address of a reference, also for bases like urn:, which `urljoin` does not know.

    >>> joined("urn:x", "#a"), joined("urn:a:x", "b"), joined("http://x/y", "z")
    ('urn:x#a', 'urn:b', 'http://x/z')
    >>> joined("own:/a/b", "c"), joined("urn:a/b", "/c")
    ('own:/a/c', 'urn:/c')
    """
    if reference.startswith("#"):
        return base + reference
    scheme = urlsplit(base).scheme
    if scheme in uses_relative or urlsplit(reference).scheme:
        return urljoin(base, reference)
    path = base.removeprefix(scheme + ":")
    if path.startswith("/"):
        return f"{scheme}:{urljoin(path, reference)}"
    # Versions of Python differ in the address of a path without a root. So it gets one for a while.
    root = "//-" if reference.startswith("/") else "//-/"
    return f"{scheme}:{urljoin('//-/' + path, reference).removeprefix(root)}"


def child(place: str, *names: object) -> str:
    """Return the place of a part."""
    for name in names:
        place += "/" + str(name).replace("~", "~0").replace("/", "~1")
    return place


def unescaped(name: str) -> str:
    """Return the name of a part from a JSON pointer."""
    return name.replace("~1", "/").replace("~0", "~")


def _inside(found, name, place):
    if isinstance(found, Mapping) and name in found:
        return found[name]
    if isinstance(found, list) and name.isdigit() and int(name) < len(found):
        return found[int(name)]
    raise ValueError(f"there is no schema at {place}")


def _check_json(root):
    """Raise a ValueError with its place if a name is no text, or a constant is no JSON."""
    queue = [(root, "#", False)]
    for value, place, is_data in queue:  # the loop appends to the queue
        if isinstance(value, Mapping):
            for name in value:
                if not isinstance(name, str):
                    raise ValueError(f"a name at {place} must be a text, got {name!r}")
            queue += [(v, child(place, k), is_data or k in CONSTANTS) for k, v in value.items()]
        elif isinstance(value, list):
            queue += [(v, f"{place}/{i}", is_data) for i, v in enumerate(value)]
        elif is_data and (
            kind_of(value) == "unknown" or (isinstance(value, float) and not isfinite(value))
        ):
            raise ValueError(f"JSON cannot write {value!r} at {place}")
