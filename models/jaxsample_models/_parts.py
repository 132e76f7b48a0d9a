"""Parameters that share a stored tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ._config import TransformerConfig

Sizes = Callable[[TransformerConfig], tuple[int, ...]]


class Part(NamedTuple):
    """Some of the outputs of a stored tensor.

    The tensor holds several parameters side by side. With groups it holds the first group of each
    parameter, then the second group of each, and so on.

    Attributes:
        name: the tensor.
        index: which of its parameters this is.
        sizes: computes the number of outputs of each of its parameters.
        groups: computes the number of groups; it divides every size.
    """

    name: str
    index: int
    sizes: Sizes
    groups: Callable[[TransformerConfig], int] = lambda config: 1

    def whole(self, shape: tuple[int, ...], config: TransformerConfig) -> tuple[int, ...]:
        """Return the shape `[.., all outputs]` of the tensor, given that of the parameter."""
        return (*shape[:-1], sum(self.sizes(config)))

    def columns(self, config: TransformerConfig) -> np.ndarray:
        """Return which of the tensor's outputs belong to this parameter."""
        sizes, groups = self.sizes(config), self.groups(config)
        ends = np.cumsum([size // groups for size in sizes])
        every = np.arange(sum(sizes)).reshape(groups, -1)
        return np.split(every, ends[:-1], axis=1)[self.index].ravel()


def query_key_value(config: TransformerConfig) -> tuple[int, ...]:
    """Return the outputs of the projections to queries, keys and values."""
    wide, narrow = config.heads * config.head_dim, config.kv_heads * config.head_dim
    return wide, narrow, narrow


def experts_gate_up(config: TransformerConfig) -> tuple[int, ...]:
    """Return the outputs of the first two projections of an expert."""
    assert config.routing is not None
    return config.routing.dim, config.routing.dim


def query_gate(config: TransformerConfig) -> tuple[int, ...]:
    """Return the outputs of the projections to queries and to the gate of attention."""
    return (config.heads * config.head_dim,) * 2


def gate_up(config: TransformerConfig) -> tuple[int, ...]:
    """Return the outputs of the first two projections of a gated MLP."""
    return config.mlp_dim, config.mlp_dim
