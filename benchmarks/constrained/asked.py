"""The judge of engines that are asked about texts."""

from __future__ import annotations

from collections.abc import Callable

from .suites import Judge

MERGED = 4  # spellings of a value that are followed


class Asked(Judge):
    """The judge of an engine that has no table, which is asked for every text.

    `reads(before, text, ends)` tells whether the engine accepts `text` after `before`, which it has
    accepted already, and with `ends` also the end of the text there. The states are the texts
    themselves. Spellings of one number lead to the same place, so only some of them are followed.
    """

    def __init__(self, reads: Callable[[str, str, bool], bool]):
        self.reads = reads
        self.known: dict[tuple[str, bool], bool] = {}

    def accepts(self, value):
        return any(self.asked(text, "", True) for text in self.after({""}, value))

    def read(self, states, text):
        found = sorted(state + text for state in states if self.asked(state, text, False))
        return set(found[:MERGED])

    def asked(self, before, text, ends):
        whole = before + text, ends
        if whole not in self.known:
            self.known[whole] = self.reads(before, text, ends)
        return self.known[whole]
