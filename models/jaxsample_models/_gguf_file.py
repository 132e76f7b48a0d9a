"""The parts of a GGUF file that its config depends on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

# The tensors that divide rotary frequencies: those of Llama 3, and of models for two lengths.
LLAMA3, LONG, SHORT = "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"
DIVISORS = (LLAMA3, LONG, SHORT)


class GgufFile(NamedTuple):
    """A GGUF file without the values of most tensors.

    Attributes:
        metadata: its metadata.
        vocab_size: the rows of its embedding.
        tensors: the names of its tensors.
        divisors: those of its tensors that divide rotary frequencies, by name.
    """

    metadata: Mapping[str, Any]
    vocab_size: int
    tensors: Collection[str]
    divisors: Mapping[str, np.ndarray]

    def get(self, key: str, default: Any = None) -> Any:
        """Return metadata of the architecture, without its name before the key."""
        return self.metadata.get(f"{self.metadata['general.architecture']}.{key}", default)

    def each(self, key: str) -> list[Any]:
        """Return metadata that have a value for each layer, or one for all layers.

        Raises:
            ValueError: there are more values, or fewer.
        """
        value, layers = self.get(key), self.get("block_count", 0)
        if not isinstance(value, list):
            return [value] * layers
        if len(value) != layers:
            raise ValueError(f"`{key}` has {len(value)} entries; it must have {layers}")
        return value
