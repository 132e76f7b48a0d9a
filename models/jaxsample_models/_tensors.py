"""The tensors of a folder, in one safetensors file or several."""

from __future__ import annotations

import contextlib
import pathlib
import re
from typing import Any, NamedTuple

import numpy as np

from ._errors import CheckpointError
from ._json import read_json, short
from ._pointers import refuse_pointer
from ._schema import INDEX

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_FLOATS = ("F32", "F16", "BF16")
# Older versions of transformers stored these buffers with the parameters. The config implies them.
_BUFFERS = (
    ".attn.bias",
    ".attn.masked_bias",
    ".attention.bias",
    ".attention.masked_bias",
    ".rotary_emb.inv_freq",
)


class _Stored(NamedTuple):
    file: pathlib.Path
    handle: Any
    name: str


class Tensors:
    """The tensors of a folder by name; a context manager that keeps their files open.

    Args:
        folder: the folder.
        text: take the text part of a model of several kinds alone, under a text model's names.

    Raises:
        CheckpointError: there are no safetensors, or a file is missing or damaged.
        ImportError: safetensors is not installed.
    """

    def __init__(self, folder: pathlib.Path, *, text: bool = False):
        self.place = folder
        self._stack = contextlib.ExitStack()
        self._stored: dict[str, _Stored] = {}
        self._read: set[str] = set()
        try:
            for name in _files(folder):
                file, handle = folder / name, self._open(folder / name)
                for key in handle.keys():
                    ours = _text_name(key) if text else key
                    if ours is not None:
                        self._stored[ours] = _Stored(file, handle, key)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Tensors:
        return self

    def __exit__(self, *details) -> None:
        self._stored.clear()
        self._stack.close()

    def __contains__(self, name: str) -> bool:
        return name in self._stored

    @property
    def unread(self) -> list[str]:
        """The names of tensors that were not read yet, without those that a config implies."""
        left = (name for name in self._stored if name not in self._read)
        return [name for name in left if not name.endswith(_BUFFERS)]

    @property
    def layers(self) -> int:
        """The number of layers: names such as "model.layers.1.mlp.up_proj.weight" count them."""
        found = (re.search(r"\.(\d+)\.", name) for name in self._stored)
        return len({match.group(1) for match in found if match})

    def skip(self, name: str) -> None:
        """Count a tensor as read, if there is one of this name."""
        self._read.add(name)

    def check(self, name: str, shape: tuple[int, ...]) -> _Stored:
        """Find a tensor, which must have this shape and hold floats by the header of its file."""
        if name not in self._stored:
            hint = "; is `tie_word_embeddings` right?" if name == "lm_head.weight" else ""
            raise CheckpointError(
                f"{self.place}: tensor `{name}` of shape {shape} is missing; check that "
                f"config.json and the safetensors files belong together{hint}"
            )
        stored = self._stored[name]
        header = stored.handle.get_slice(stored.name)
        if tuple(header.get_shape()) != shape:
            raise CheckpointError(
                f"{stored.file}: tensor `{name}` should be {shape} by config.json, found "
                f"{tuple(header.get_shape())}; check that the two belong together"
            )
        if header.get_dtype() not in _FLOATS:
            raise CheckpointError(
                f"{stored.file}: tensor `{name}` is stored as {header.get_dtype()}, expected one "
                f"of {', '.join(_FLOATS)}; dequantize the model first"
            )
        return stored

    def read(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Read a tensor as `dtype`, checked as `check` does."""
        stored = self.check(name, shape)
        self._read.add(name)
        return stored.handle.get_tensor(stored.name).astype(dtype, copy=False)

    def _open(self, file: pathlib.Path):
        if not file.is_file():
            raise CheckpointError(
                f"{file}: this shard is missing; {_INDEX} lists it, so download it too"
            )
        refuse_pointer(file)
        safetensors = _safetensors()
        try:
            return self._stack.enter_context(safetensors.safe_open(file, framework="np"))
        except Exception as error:
            raise CheckpointError(
                f"{file}: not a whole safetensors file ({error}); download it again"
            ) from error


def _text_name(name: str) -> str | None:
    """Return the name that a tensor has in a text model, None if it is not of the text part."""
    for theirs, ours in (("language_model.", ""), ("model.language_model.", "model.")):
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name if name == "lm_head.weight" else None


def write(file: pathlib.Path, tensors: dict[str, np.ndarray]) -> None:
    """Write tensors to one safetensors file."""
    _safetensors()
    from safetensors.numpy import save_file

    save_file(tensors, file, metadata={"format": "pt"})


def _files(folder: pathlib.Path) -> list[str]:
    if (folder / _SINGLE).is_file():
        return [_SINGLE]
    file = folder / _INDEX
    index = read_json(file, INDEX)
    if index is None:
        pickled = any(folder.glob("pytorch_model*.bin"))
        raise CheckpointError(
            f"{folder}: holds only a pickle (pytorch_model.bin), which is never opened; convert it "
            f"to safetensors with save_pretrained in transformers"
            if pickled
            else f"{folder}: there is neither {_SINGLE} nor {_INDEX}; download one of them"
        )
    if "weight_map" not in index:
        raise CheckpointError(f"{file}: `weight_map` is missing; download it again")
    names = sorted(set(index["weight_map"].values()))
    for name in names:
        if pathlib.PurePath(name).name != name or not name.endswith(".safetensors"):
            raise CheckpointError(
                f"{file}: {short(name)} is not a safetensors file in the same folder; download the "
                f"model again"
            )
    return names


def _safetensors():
    try:
        import safetensors
    except ImportError as error:
        raise ImportError(
            "model folders need safetensors: pip install 'jaxsample[models]'"
        ) from error
    return safetensors
