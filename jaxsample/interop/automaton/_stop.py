"""Stop strings over the tokens of any tokenizer: the automaton of Aho and Corasick."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxsample.interop.automaton._moves import moves_of
from jaxsample.interop.automaton._utf8 import ByteAutomaton
from jaxsample.transforms.tokens._stop_strings import FOUND, StopStrings

BUCKET = 64  # sizes are rounded up to multiples, so that many strings share compiled programs


def stop_strings(strings: str | Sequence[str], vocabulary: Sequence[bytes | None]) -> StopStrings:
    """Pack strings that end a row, for the `stop` of `generate`.

    A row ends with the token that completes one of the strings, wherever the string begins and
    ends inside tokens. Only the output counts, not the prompt. `jaxsample.interop.Transcript` and
    `cut` end its text before the string.

    Args:
        strings: one string or more.
        vocabulary: the bytes of each token, from `vocabulary_of`; with its `special=True` strings
            are found in special tokens too, as in transformers. A token of None ends what was
            begun before it.

    Raises:
        ValueError: if there is no string, or one is empty.

    Reference: Aho and Corasick, 1975, https://doi.org/10.1145/360825.360855

    >>> stop = stop_strings(["\\nUser:", "###"], [b"#", b"##", b"a\\nUser", b": hi", None])
    >>> stop.classes.shape
    (5,)
    """
    given = [strings] if isinstance(strings, str) else strings
    if not isinstance(given, list | tuple) or not given:
        raise ValueError(f"stop strings must be one string or a list of them, got {strings!r}")
    if not all(isinstance(s, str) and s for s in given):
        raise ValueError(f"stop strings must be strings of a character or more, got {strings!r}")
    table = _search([s.encode() for s in given])
    moves, classes = moves_of(ByteAutomaton(table, np.arange(len(table)) == FOUND), vocabulary)
    classes[[token for token, spelled in enumerate(vocabulary) if spelled == b""]] = 1
    used, classes = np.unique(classes, return_inverse=True)
    over = np.zeros((_rounded(len(table)), _rounded(len(used))), np.int32)
    for column, number in zip(over.T, used, strict=False):
        column[moves[number].sources] = moves[number].targets
    over[FOUND] = FOUND
    classes = classes.astype(np.int32)
    mark = np.int32(zlib.crc32(over.tobytes() + classes.tobytes()) >> 1 | 1)
    return StopStrings(*map(jnp.asarray, (classes, over, mark)))


def _search(strings):
    """Return the table `[N, 256]` of the automaton that looks for strings; see `StopStrings`."""
    edges: list[dict[int, int]] = [{}, {}]
    for string in strings:
        node = 0
        for byte in string[:-1]:
            node = edges[node].setdefault(byte, len(edges))
            if node == FOUND:  # a shorter string ends here
                break
            if node == len(edges):
                edges.append({})
        else:
            edges[node][string[-1]] = FOUND
    table = np.zeros((len(edges), 256), np.int32)
    table[FOUND] = FOUND
    behind = [0] * len(edges)  # the state after the longest proper suffix
    waiting = deque([0])
    while waiting:
        node = waiting.popleft()
        if node:
            table[node] = table[behind[node]]
        for byte, following in edges[node].items():
            if following != FOUND:
                # A suffix that is a string ends the row before this state could be reached.
                behind[following] = int(table[node, byte])
                waiting.append(following)
            table[node, byte] = following
    # A state whose suffix is a whole string is that string's end.
    ends = np.array([b == FOUND for b in behind])
    table[np.isin(table, np.flatnonzero(ends))] = FOUND
    return table


def _rounded(n):
    return -(-n // BUCKET) * BUCKET
