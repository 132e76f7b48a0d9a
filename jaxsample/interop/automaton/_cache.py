"""Automata in files, so that a language is compiled once for a vocabulary."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.resources
import json
import os
import tempfile
import unicodedata
from collections.abc import Callable, Mapping, Sequence
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
        asked: what the automaton depends on apart from the vocabulary and eos. If it has other
            things than JSON has, nothing is kept.

    Raises:
        OSError: if the folder cannot be written.
    """
    key = None if folder is None else _key(asked, vocabulary, eos)
    if folder is None or key is None:
        return make()
    path = Path(folder, f"{key}.npz")
    with contextlib.suppress(Exception):  # a broken file may raise any error
        return _read(path, key, len(vocabulary))
    automaton = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, key, automaton)
    return automaton


def _key(asked, vocabulary, eos):
    """Return a digest of all that an automaton depends on; None if there is no sure one."""
    try:
        told = _told(asked)
    except (TypeError, RecursionError):
        return None
    lengths = [-1 if spelled is None else len(spelled) for spelled in vocabulary]
    ends = np.atleast_1d(np.asarray(eos, np.int64)).tolist()
    versions = [jaxsample.__version__, _code(), unicodedata.unidata_version]
    text = b"".join(filter(None, vocabulary))
    described = json.dumps([versions, told, ends, lengths])
    return hashlib.sha256(described.encode() + b"\n" + text).hexdigest()


def _told(value):
    """Return a text that is unique to a value.

    JSON would write the names 1 and "1" alike, and a tuple like a list.

    Raises:
        TypeError: if the value is of another kind.
    """
    name = type(value).__name__
    if isinstance(value, Mapping):
        inside = ",".join(f"{_told(k)}:{_told(v)}" for k, v in value.items())
    elif isinstance(value, list | tuple):
        inside = ",".join(map(_told, value))
    elif value is None or type(value) in (str, bool, int, float):
        inside = repr(value)
    elif isinstance(value, np.number | np.bool_):
        inside = repr(value.item())
    else:
        raise TypeError(f"no text for {value!r}")
    return f"{name}({inside})"


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
