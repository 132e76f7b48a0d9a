"""Prompts with references, read from JSON Lines, CSV or a datasets folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from jaxsample.study.draw._choice import chosen, gathered
from jaxsample.study.draw._formats import records
from jaxsample.study.draw._item import Item

REFERENCE = "reference"
Made = TypeVar("Made")


class Read(NamedTuple):
    """The items of a file.

    Attributes:
        items: the items in the order of the file.
        skipped: for the number of each bad line, why it was skipped.

    >>> Read([], {3: "the field 'prompt' is empty"}).skipped
    {3: "the field 'prompt' is empty"}
    """

    items: list[Item]
    skipped: dict[int, str]


def read(
    path: str | Path,
    *,
    prompt: str = "prompt",
    reference: str = REFERENCE,
    without: str | None = None,
    id: str | None = None,
    split: str | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
    gather: bool = False,
    spread: bool = False,
) -> Read:
    """Read items from JSONL, CSV, text or a saved datasets folder.

    JSONL has an object a line, CSV a header, and a text file a prompt a line, the field "prompt".
    Text is UTF-8, with or without a byte order mark. Blank lines are skipped, but count as lines. A
    reference is a text or, except in CSV, a list of texts; empty references are dropped.

    Args:
        path: a .jsonl, .ndjson or .json file, a .csv file, a .txt file, or a folder that
            `save_to_disk` of the datasets package wrote.
        prompt: the field that holds the prompt.
        reference: the field that holds the reference; a line may lack it.
        without: the field that holds the prompt without its source.
        id: the field that holds an id, a text or a whole number. By default the id is the number of
            the line, from 1, or of the row of a datasets folder, from 0.
        split: the split to read of a datasets folder that has several.
        limit: the largest number of items to read; the lines after them are not read.
        skip_bad: skip bad lines and report them in `Read.skipped`, instead of raising an error.
        gather: merge lines with the same prompt into one item, with the references of all. Its id
            and its `without` are those of the first line.
        spread: take the `limit` items evenly from the whole file, not from its beginning.

    Raises:
        ValueError: if the file is missing or cannot be read, a line is bad, two items have the same
            id, `spread` has no `limit`, or there is no item. The message names the file, the line
            and the remedy.
        ImportError: if the path is a datasets folder and datasets is not installed.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "some.jsonl"
    >>> _ = file.write_text('{"prompt": "Once", "reference": "upon a time"}')
    >>> read(file).items
    [Item(id='1', prompt='Once', references=('upon a time',), without=None)]
    """
    unit, referred = "row" if Path(path).is_dir() else "line", False

    def made(record: dict[str, Any], number: int) -> tuple[int, Item]:
        nonlocal referred
        item = _item(record, number, prompt, reference, without, id)
        referred |= reference in record
        return number, item

    if spread and limit is None:
        raise ValueError("spread takes `limit` items from the whole file; give a limit")
    lines = None if gather or spread else limit
    found, skipped = read_each(path, made, split=split, limit=lines, skip_bad=skip_bad)
    found = chosen(gathered(found) if gather else found, limit, spread)
    places: dict[str, int] = {}
    for number, item in found:
        if item.id in places:
            raise ValueError(
                f"{path}, {unit} {number}: the id {item.id!r} is already that of {unit} "
                f"{places[item.id]}; give each item its own id, or read the id from another field"
            )
        places[item.id] = number
    if reference != REFERENCE and not referred:
        raise ValueError(f"{path}: no {unit} has a field {reference!r} to read the reference from")
    return Read([item for _, item in found], skipped)


def read_each(
    path: str | Path,
    make: Callable[[dict[str, Any], int], Made],
    *,
    split: str | None = None,
    limit: int | None = None,
    skip_bad: bool = False,
) -> tuple[list[Made], dict[int, str]]:
    """Make something of each line of a file of prompts; `read` makes items.

    Args:
        path, split, limit, skip_bad: see `read`.
        make: takes the fields of a line, and its number. If it raises ValueError, the line is bad.

    Returns:
        The results of `make` in the order of the file, and the reason for each skipped line.

    Raises:
        ValueError: if the file is missing or cannot be read, a line is bad, or nothing was made.
            The message names the file, the line and the remedy.
        ImportError: if the path is a datasets folder and datasets is not installed.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "some.txt"
    >>> _ = file.write_text("Once upon a time\\nA cat\\n")
    >>> read_each(file, lambda record, line: (line, len(record["prompt"])))
    ([(1, 16), (2, 5)], {})
    """
    path = Path(path)
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    unit, found = records(path, split)
    all_made: list[Made] = []
    skipped: dict[int, str] = {}
    for number, record in found:
        try:
            if isinstance(record, str):
                raise ValueError(record)
            all_made.append(make(record, number))
        except ValueError as bad:
            if not skip_bad:
                raise ValueError(
                    f"{path}, {unit} {number}: {bad} (to skip bad {unit}s: --skip-bad, or "
                    f"skip_bad=True)"
                ) from None
            skipped[number] = str(bad)
        if len(all_made) == limit:
            break
    if not all_made:
        first = next((f"; {unit} {n}: {why}" for n, why in skipped.items()), "")
        raise ValueError(f"{path}: there is no item in it{first}")
    return all_made, skipped


def _item(record: dict[str, Any], number, prompt, reference, without, id) -> Item:
    text = text_of(record, prompt)
    if not text.strip():
        raise ValueError(f"the field {prompt!r} is empty")
    return Item(
        str(number) if id is None else _id(record, id),
        text,
        _references(record, reference),
        None if without is None else text_of(record, without),
    )


def _field(record: dict[str, Any], name: str) -> Any:
    if name not in record:
        names = ", ".join(map(repr, record)) or "none"
        raise ValueError(f"there is no field {name!r} among {names}")
    return record[name]


def text_of(record: dict[str, Any], name: str) -> str:
    """Return the text of a field, for the `make` of `read_each`.

    Raises:
        ValueError: if there is no such field, or it holds no valid text.

    >>> text_of({"q": "Once"}, "q")
    'Once'
    """
    return _unicode(_field(record, name), name, "a text")


def _references(record: dict[str, Any], name: str) -> tuple[str, ...]:
    value = record.get(name)
    if value is None:
        return ()
    several = value if isinstance(value, list) else [value]
    return tuple(text for x in several if (text := _unicode(x, name, "a text or a list of texts")))


def _id(record: dict[str, Any], name: str) -> str:
    value = _field(record, name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value == "":
        raise ValueError(f"the field {name!r} is empty")
    return _unicode(value, name, "a text or a whole number")


def _unicode(value: Any, name: str, wanted: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"the field {name!r} must be {wanted}, got {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"the field {name!r} holds half of a surrogate pair, so it is not valid text"
        ) from None
    return value
