"""The tensors of a GGUF file, dequantised, under the names and in the layout of Hugging Face."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._errors import CheckpointError
from ._gguf_architectures import Architecture
from ._gguf_file import DIVISORS
from ._gguf_layouts import columns, rows, unfolded

_PIECE = 1 << 18  # values that are dequantised at a time


class GgufTensors:
    """The tensors of a GGUF file; see `TensorSource`.

    Args:
        file: the file, for error messages.
        stored: its tensors, as the gguf package reads them.
        name: the architecture, as llama.cpp names it.
        architecture: the differences from the folder's layout.
        json: the config.json that the file stands for.
    """

    def __init__(
        self,
        file: pathlib.Path,
        stored: Mapping[str, Any],
        name: str,
        architecture: Architecture,
        json: Mapping[str, Any],
    ):
        import gguf

        self.place = file
        self._stored = dict(stored)
        self._architecture = architecture
        self._offset = architecture.norm_offset
        self._json = json
        kind = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == name)
        self._names = gguf.get_tensor_name_map(kind, self.layers)
        self._read: set[str] = set(DIVISORS)  # the config holds them

    def __enter__(self) -> GgufTensors:
        return self

    def __exit__(self, *details) -> None:
        self._stored.clear()

    def __contains__(self, name: str) -> bool:
        key, expert = self._find(name)
        return key in self._stored and (expert is None or expert < self._stored[key].shape[-1])

    @property
    def layers(self) -> int:
        """The number of layers: names such as "blk.1.ffn_up.weight" count them."""
        found = (re.match(r"blk\.(\d+)\.", name) for name in self._stored)
        return len({match.group(1) for match in found if match})

    @property
    def unread(self) -> list[str]:
        """The names of tensors that were not read yet, without those that the config implies."""
        return [name for name in self._stored if name not in self._read]

    def skip(self, name: str) -> None:
        """Count a tensor as read, if there is one of this name."""
        self._read.add(self._find(name)[0])

    def check(self, name: str, shape: tuple[int, ...]) -> Any:
        """Find a tensor, which must have this shape and hold numbers that gguf can dequantise."""
        key, expert = self._find(name)
        if name not in self:
            whose = "" if expert is None else f" for expert {expert}"
            raise CheckpointError(
                f"{self.place}: tensor `{key}` of shape {shape}{whose} is missing; download it "
                f"again"
            )
        tensor = self._stored[key]
        found = tuple(tensor.shape.tolist())[::-1][0 if expert is None else 1 :]
        if found != _without_ones(shape):
            raise CheckpointError(
                f"{self.place}: tensor `{key}` should be {shape} by the metadata, found {found}; "
                f"download it again"
            )
        return tensor

    def read(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Read a tensor as `dtype`, piece by piece, checked as `check` does."""
        tensor = self.check(name, shape)
        self._read.add(tensor.name)
        expert = self._find(name)[1]
        data = tensor.data if expert is None else tensor.data[expert]
        order = rows(name, shape[0], self._architecture.interleaved, self._json)
        across = columns(name, self._json)
        value = np.empty(_without_ones(shape), dtype)
        step = max(1, _PIECE // max(1, value[0].size))
        for start in range(0, len(value), step):
            piece = slice(start, start + step)
            try:
                picked = data[piece if order is None else order[piece]]
                picked = unfolded(name, dequantize(picked, tensor.tensor_type), self._offset)
                value[piece] = picked if across is None else picked[..., across]
            except NotImplementedError as error:
                raise CheckpointError(
                    f"{self.place}: tensor `{tensor.name}` is stored as {tensor.tensor_type.name}, "
                    f"which gguf cannot dequantise; update it: pip install -U gguf"
                ) from error
        return value.reshape(shape)

    def _find(self, name: str) -> tuple[str, int | None]:
        """Return llama.cpp's name of a tensor, and the expert if it stacks those of all experts.

        A name that llama.cpp does not have stays.
        """
        one, expert = re.sub(r"\.experts\.\d+\.", ".experts.", name), None
        if one != name:
            expert = int(re.findall(r"\.experts\.(\d+)\.", name)[0])
        if whole := self._names.get_name(one):
            return whole, expert
        base, _, suffix = one.rpartition(".")
        found = "output" if base == "lm_head" else self._names.get_name(base)
        return (name if found is None else f"{found}.{suffix}"), expert


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in which a file stores the taps `[channels, 1, width]` of convolutions."""
    return (shape[0], shape[2]) if len(shape) == 3 and shape[1] == 1 else shape


def dequantize(data: np.ndarray, kind: Any) -> np.ndarray:
    """Return stored values of one of gguf's types as float32."""
    import gguf

    return gguf.dequantize(np.ascontiguousarray(data), kind)
