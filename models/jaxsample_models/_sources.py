"""A stored model, whatever its form: a folder or a GGUF file."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from ._tensor_names import Names
from ._tokenizer_files import Texts


class TensorSource(Protocol):
    """Stored tensors under the names of Hugging Face; a context manager that closes their files.

    Attributes:
        place: the folder or the file, for error messages.
    """

    place: pathlib.Path

    def __enter__(self) -> TensorSource: ...

    def __exit__(self, *details) -> None: ...

    def __contains__(self, name: str) -> bool: ...

    @property
    def layers(self) -> int:
        """The number of layers that the names count."""
        ...

    @property
    def unread(self) -> list[str]:
        """The tensors, as they are stored, that were not read yet."""
        ...

    def skip(self, name: str) -> None:
        """Count a tensor as read, if there is one of this name."""
        ...

    def check(self, name: str, shape: tuple[int, ...]) -> Any:
        """Raise CheckpointError unless there is such a tensor of floats of this shape."""
        ...

    def read(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Read a tensor as `dtype`, checked as `check` does."""
        ...


class Stored(NamedTuple):
    """A model that is not loaded yet.

    Attributes:
        file: the file that says how the model is built, for error messages.
        json: the fields of a config.json.
        generation_config: the fields of a generation_config.json.
        texts: reads the tokenizer and the chat template.
        tensors: the parameters.
        outputs_first: kernels are stored `[outputs, inputs]` whatever the family does.
        names: the tensors that are named, or cut into parts, otherwise than the family's.
    """

    file: pathlib.Path
    json: dict[str, Any]
    generation_config: dict[str, Any]
    texts: Callable[[], Texts]
    tensors: TensorSource
    outputs_first: bool = False
    names: Names = {}
