from typing import NamedTuple


class Item(NamedTuple):
    id: str
    prompt: str
    references: tuple[str, ...] = ()
    without: str | None = None
