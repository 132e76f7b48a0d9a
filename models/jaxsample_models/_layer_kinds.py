"""The kinds of layers and rotary positions that some families have."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class RopeScaling:
    """Scale rotary frequencies, for contexts longer than those of pretraining.

    "linear" divides every frequency by `factor`. "llama3" and "yarn" divide only the low ones and
    interpolate in between. "dynamic" and "longrope" change nothing, or divide by `short`, in a
    cache of at most `original` positions. In a longer one "dynamic" raises the base of the
    wavelengths and "longrope" divides by `long`; the cache's length decides, so that all of its
    keys agree. "proportional" divides as "linear" does, and turns the first `share` alone.

    Attributes:
        kind: "linear", "llama3", "yarn", "dynamic", "longrope" or "proportional".
        factor: the ratio of the new context length to the original one.
        low: llama3 and yarn divide frequencies that turn at most this often in `original` tokens.
        high: llama3 and yarn keep frequencies that turn at least this often; must be above `low`.
        original: the original context length, in tokens.
        short, long: the divisor of each frequency for longrope.
        attention: multiplies rotated queries and keys (yarn and longrope).
        share: the part of frequencies that turn at all (proportional).
        truncate: yarn rounds the ends of the interpolated range to whole channels.

    >>> RopeScaling("linear", factor=2.0).factor
    2.0
    """

    kind: str
    factor: float
    low: float = 1.0
    high: float = 4.0
    original: int = 8192
    short: tuple[float, ...] = ()
    long: tuple[float, ...] = ()
    attention: float = 1.0
    share: float = 1.0
    truncate: bool = True


SCALINGS = ("linear", "llama3", "yarn", "dynamic", "longrope", "proportional")


@dataclasses.dataclass(frozen=True)
class GlobalHeads:
    """Give the layers without a window other heads than those with one.

    Attributes:
        kv_heads: key and value heads.
        head_dim: size of one head.
        keys_are_values: values are made by the projection of the keys.

    >>> GlobalHeads(kv_heads=1, head_dim=512).keys_are_values
    False
    """

    kv_heads: int
    head_dim: int
    keys_are_values: bool = False


@dataclasses.dataclass(frozen=True)
class SharedKeys:
    """Let the last layers read keys and values of earlier layers, and have none of their own.

    A layer reads those of the last layer before them that has a window as it does, or none as it.

    Attributes:
        layers: how many layers do.
        mlp_dim: inner width of their MLPs.

    >>> SharedKeys(layers=2, mlp_dim=64).layers
    2
    """

    layers: int
    mlp_dim: int


@dataclasses.dataclass(frozen=True)
class LayerInputs:
    """Give each layer an embedding of the token beside the residual stream.

    Attributes:
        vocab_size: the tokens that have one.
        dim: its size for one layer.

    >>> LayerInputs(vocab_size=9, dim=4).dim
    4
    """

    vocab_size: int
    dim: int


@dataclasses.dataclass(frozen=True)
class Routing:
    """Replace MLPs by experts, of which a router chooses some for each token.

    Attributes:
        experts: number of experts.
        chosen: number of experts that each token goes to.
        dim: inner width of an expert.
        normalized: the weights of the chosen experts sum to 1.
        bias: the router and the experts have biases.
        dense: the layers that keep an MLP.

    >>> Routing(experts=8, chosen=2, dim=64).chosen
    2
    """

    experts: int
    chosen: int
    dim: int
    normalized: bool = True
    bias: bool = False
    dense: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Delta:
    """Replace attention by gated delta layers, whose memory of a row is one matrix a head.

    Attributes:
        layers: the layers.
        heads: value heads.
        key_heads: query and key heads; divides `heads`.
        key_dim, value_dim: size of one head.
        width: tokens that their convolution spans.

    >>> Delta(layers=(0,), heads=2, key_heads=1, key_dim=4, value_dim=8).channels
    24
    """

    layers: tuple[int, ...]
    heads: int
    key_heads: int
    key_dim: int
    value_dim: int
    width: int = 4

    @property
    def channels(self) -> int:
        """The number of channels of queries, keys and values together."""
        return 2 * self.key_heads * self.key_dim + self.heads * self.value_dim
