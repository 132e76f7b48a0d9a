"""The tensors of a folder, in one safetensors file or several; pickles are never opened."""

from __future__ import annotations

import contextlib
import json
import pathlib
from typing import Any

import numpy as np

from ._errors import CheckpointError

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_FLOATS = ("F32", "F16", "BF16")


class Tensors:
    """The tensors of a folder by name; a context manager that keeps their files open.

    Raises:
        CheckpointError: no safetensors, a shard missing, a file damaged.
        ImportError: safetensors is not installed.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self._stack = contextlib.ExitStack()
        self._where: dict[str, Any] = {}
        try:
            for name in _files(folder):
                handle = self._open(folder / name)
                self._where.update(dict.fromkeys(handle.keys(), handle))
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Tensors:
        return self

    def __exit__(self, *details) -> None:
        self._where.clear()
        self._stack.close()

    def __contains__(self, name: str) -> bool:
        return name in self._where

    @property
    def names(self) -> list[str]:
        return list(self._where)

    def read(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Read one tensor, which has to be of this shape and stored as floats."""
        if name not in self._where:
            hint = "; is `tie_word_embeddings` right?" if name == "lm_head.weight" else ""
            raise CheckpointError(
                f"{self.folder}: tensor `{name}` of shape {shape} is missing{hint}"
            )
        stored = self._where[name].get_slice(name)
        if tuple(stored.get_shape()) != tuple(shape):
            raise CheckpointError(
                f"{self.folder}: tensor `{name}` should be {tuple(shape)} by config.json, "
                f"found {tuple(stored.get_shape())}"
            )
        if stored.get_dtype() not in _FLOATS:
            raise CheckpointError(
                f"{self.folder}: tensor `{name}` is stored as {stored.get_dtype()}, expected one "
                f"of {', '.join(_FLOATS)}; dequantize the model first"
            )
        return self._where[name].get_tensor(name)

    def _open(self, file: pathlib.Path):
        if not file.is_file():
            raise CheckpointError(f"{file}: this shard is missing; {_INDEX} lists it")
        safetensors = _safetensors()
        try:
            return self._stack.enter_context(safetensors.safe_open(file, framework="np"))
        except Exception as error:
            raise CheckpointError(
                f"{file}: not a whole safetensors file ({error}); download it again"
            ) from error


def write(file: pathlib.Path, tensors: dict[str, np.ndarray]) -> None:
    """Write tensors to one safetensors file."""
    _safetensors()
    from safetensors.numpy import save_file

    save_file(tensors, file, metadata={"format": "pt"})


def _files(folder: pathlib.Path) -> list[str]:
    if (folder / _SINGLE).is_file():
        return [_SINGLE]
    index = folder / _INDEX
    if not index.is_file():
        pickled = any(folder.glob("pytorch_model*.bin"))
        raise CheckpointError(
            f"{folder}: only a pickle (pytorch_model.bin), which is never opened; convert it to "
            f"safetensors (save_pretrained in transformers does)"
            if pickled
            else f"{folder}: there is neither {_SINGLE} nor {_INDEX}"
        )
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{index}: no `weight_map` could be read from it") from error
    for name in names:
        if pathlib.PurePath(name).name != name or not name.endswith(".safetensors"):
            raise CheckpointError(f"{index}: {name!r} is not a safetensors file in the same folder")
    return names


def _safetensors():
    try:
        import safetensors
    except ImportError as error:
        raise ImportError(
            "model folders need safetensors: pip install 'jaxsample[models]'"
        ) from error
    return safetensors
