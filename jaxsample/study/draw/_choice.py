"""Merge items with the same prompt, and choose some of many items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from jaxsample.study.draw._item import Item

Member = TypeVar("Member")


def gathered(found: Sequence[tuple[int, Item]]) -> list[tuple[int, Item]]:
    """Merge items with the same prompt into one item, with the references of all.

    Args:
        found: items with the numbers of their lines. A merged item has the number, the id and the
            `without` of the first one.

    >>> gathered([(1, Item("1", "a", ("x",))), (2, Item("2", "b")), (3, Item("3", "a", ("y",)))])
    [(1, Item(id='1', prompt='a', references=('x', 'y'), without=None)),
     (2, Item(id='2', prompt='b', references=(), without=None))]
    """
    by_prompt: dict[str, tuple[int, Item]] = {}
    for number, item in found:
        first, known = by_prompt.setdefault(item.prompt, (number, item._replace(references=())))
        joined = known._replace(references=known.references + item.references)
        by_prompt[item.prompt] = first, joined
    return list(by_prompt.values())


def chosen(found: Sequence[Member], limit: int | None, spread: bool) -> list[Member]:
    """Return the first `limit` members, or with `spread` as many at even distances.

    >>> chosen(range(10), 3, spread=False), chosen(range(10), 3, spread=True)
    ([0, 1, 2], [1, 5, 8])
    """
    if limit is None or not spread or limit >= len(found):
        return list(found[:limit])
    return [found[(2 * i + 1) * len(found) // (2 * limit)] for i in range(limit)]
