"""Texts as JSON, one object on each line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np

from jaxsample.cli.decoding import Piece

KEYS = (
    "sample", "seed", "model", "sampler", "prompt", "text", "finish_reason", "tokens", "logprobs",
    "model_logprobs", "entropy",
)  # fmt: skip


class JsonLines:
    """Writes each text as soon as it ends.

    Args:
        file: the output.
        shared: the values of the keys that all texts share.
        facts: for each text, keys that it has beside `KEYS`.
        room: how many tokens a text may have.
    """

    def __init__(
        self,
        file: IO[str],
        shared: Mapping[str, Any],
        facts: Sequence[Mapping[str, Any]],
        room: int,
    ):
        self._file, self._shared, self._facts, self._room = file, shared, facts, room
        self._open: dict[int, list[Piece]] = {sample: [] for sample in range(len(facts))}

    def add(self, piece: Piece) -> None:
        """Add a token to its text."""
        self._open[piece.sample].append(piece)
        if piece.ended or len(self._open[piece.sample]) == self._room:
            self._write(piece.sample, "stop" if piece.ended else "length")

    def refresh(self) -> None:
        """Make the lines written so far visible."""
        self._file.flush()

    def close(self) -> None:
        """Write the texts that an interruption left unfinished."""
        for sample in list(self._open):
            self._write(sample, "interrupted")
        self._file.flush()

    def _write(self, sample, reason):
        found = {**self._shared, "sample": sample, **described(self._open.pop(sample), reason)}
        ordered = {key: found[key] for key in KEYS}
        self._file.write(json.dumps({**ordered, **self._facts[sample]}) + "\n")


def described(pieces: Sequence[Piece], reason: str) -> dict[str, Any]:
    """Return the keys of one text, which ended for a reason."""
    return {
        "text": "".join(piece.text for piece in pieces),
        "finish_reason": reason,
        "tokens": [piece.token for piece in pieces],
        "logprobs": _rounded(piece.logprob for piece in pieces),
        "model_logprobs": _rounded(piece.model_logprob for piece in pieces),
        "entropy": _rounded(piece.entropy for piece in pieces),
    }


def _rounded(values):
    """Write no more digits than a float32 has."""
    return [float(str(np.float32(value))) for value in values]
