"""Automata in files, so that a language is compiled once for a vocabulary."""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

import jaxsample
from jaxsample.transforms.constraints._automaton import TokenAutomaton


def kept(
    folder: str | os.PathLike | None,
    asked: Any,
    vocabulary: Sequence[bytes | None],
    eos: int | Sequence[int],
    make: Callable[[], TokenAutomaton],
) -> TokenAutomaton:
    """Return the automaton that a folder keeps; else make it, and keep it there.

    A file that is broken, or that was written for anything else, is replaced. A file appears whole,
    so several processes may share the folder.

    Args:
        folder: made if there is none; None keeps nothing.
        asked: what the automaton depends on apart from the vocabulary and eos, as JSON.

    Raises:
        OSError: if the folder cannot be written.
        TypeError: if `asked` is not JSON.
    """
    if folder is None:
        return make()
    key = _key(asked, vocabulary, eos)
    path = Path(folder, f"{key}.npz")
    try:
        return _read(path, key, len(vocabulary))
    except Exception:  # a broken file may raise any error
        automaton = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, key, automaton)
    return automaton


def _key(asked, vocabulary, eos):
    lengths = [-1 if spelled is None else len(spelled) for spelled in vocabulary]
    ends = np.atleast_1d(np.asarray(eos, np.int64)).tolist()
    asked = json.dumps([jaxsample.__version__, _code(), asked, ends, lengths])
    text = b"".join(filter(None, vocabulary))
    return hashlib.sha256(asked.encode() + b"\n" + text).hexdigest()


@functools.cache
def _code():
    """Return a digest of the code that makes automata, which changes within a version."""
    found = hashlib.sha256()
    files = importlib.resources.files("jaxsample.interop.automaton").iterdir()
    for file in sorted(files, key=lambda file: file.name):
        if file.name.endswith(".py"):
            found.update(file.read_bytes())
    return found.hexdigest()


def _read(path, key, tokens):
    with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
        found = {name: file[name] for name in ("classes", "shape", "cells", "targets", "distance")}
        theirs = str(file["key"])
    classes, (states, columns) = found["classes"], found["shape"].tolist()
    right = theirs == key and classes.shape == (tokens,) and found["distance"].shape == (states,)
    limits = ("classes", columns), ("cells", states * columns), ("targets", states)
    for name, end in (*limits, ("distance", 2**31 - 1)):
        x = found[name]
        right &= x.dtype.kind == "i" and x.ndim == 1 and x.min() >= 0 and x.max() < end
    if not right:
        raise ValueError(f"{path} was not written for this automaton")
    table = np.full((states, columns), -1, np.int32)
    table.reshape(-1)[found["cells"]] = found["targets"]
    arrays = classes, table, found["distance"]
    return TokenAutomaton(*(jnp.asarray(array, jnp.int32) for array in arrays))


def _write(path, key, automaton):
    table = np.asarray(automaton.table)
    cells = np.flatnonzero(table >= 0)  # a small part of a large table
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".new", delete=False) as file:
        try:
            np.savez(
                file,
                key=key,
                classes=np.asarray(automaton.classes),
                shape=np.array(table.shape),
                cells=cells,
                targets=table.reshape(-1)[cells],
                distance=np.asarray(automaton.distance),
            )
            file.close()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
