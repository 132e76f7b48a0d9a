"""The configuration of a transformer, one hashable value."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class RopeScaling:
    """Scale rotary frequencies, for contexts longer than those of pretraining.

    Attributes:
        kind: "linear" divides every frequency by `factor`; "llama3" only the low ones.
        factor: the ratio of the new context length to the original one.
        low: llama3 divides frequencies with a wavelength above `original / low` by `factor`.
        high: llama3 keeps frequencies with a wavelength below `original / high` and interpolates
            between the two; must be above `low`.
        original: the original context length of llama3, in tokens.

    >>> RopeScaling("linear", factor=2.0).factor
    2.0
    """

    kind: str
    factor: float
    low: float = 1.0
    high: float = 4.0
    original: int = 8192


@dataclasses.dataclass(frozen=True)
class TransformerConfig:
    """Describe a decoder-only transformer; equal configs share one compiled model.

    Attributes:
        vocab_size: V.
        dim: width D of the residual stream.
        layers: number of blocks.
        heads: query heads.
        kv_heads: key and value heads; divides `heads`.
        head_dim: size of one head, independent of `dim`; even if positions are rotary.
        mlp_dim: inner width of the MLP.
        max_length: positions the model was trained for; a hard limit if they are learned.
        norm: "rms" or "layer".
        norm_eps: added to the variance.
        norm_offset: added to the norms' scale (Gemma stores scale - 1).
        post_norms: also normalise the outputs of attention and MLP (Gemma 2).
        embed_scale: multiplies the token embeddings.
        positions: "rotary" or "learned".
        rope_theta: base of the rotary wavelengths.
        rope_scaling: None, or how the rotary frequencies are scaled.
        activation: "silu", "gelu" (exact) or "gelu_tanh".
        gated: the MLP is `down(activation(gate(x)) * up(x))`, else `down(activation(up(x)))`.
        qkv_bias, out_bias, mlp_bias: which projections have a bias.
        qk_norm: RMS norm over each head of the queries and keys (Qwen3).
        tied: the embedding table is also the output head.
        windows: the sliding window of each layer, in positions; None for full attention, () if no
            layer has a window.
        attention_softcap, logit_softcap: a cap c maps x to `c tanh(x / c)`; None for no cap.
        query_scale: queries are divided by its square root; None means `head_dim`.
        dtype: "float32", "bfloat16" or "float16", for parameters, cache and computation. Norms,
            softmax and logits are always float32.

    Raises:
        ValueError: a field is out of range.

    >>> config = TransformerConfig(vocab_size=9, dim=4, layers=1, heads=2, kv_heads=1, head_dim=2,
    ...                            mlp_dim=8, max_length=16)
    >>> config.tied, config.window(0)
    (True, None)
    >>> dataclasses.replace(config, kv_heads=3)
    Traceback (most recent call last):
    ValueError: `kv_heads` must divide `heads` (2), got 3
    """

    vocab_size: int
    dim: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp_dim: int
    max_length: int
    norm: str = "rms"
    norm_eps: float = 1e-5
    norm_offset: float = 0.0
    post_norms: bool = False
    embed_scale: float = 1.0
    positions: str = "rotary"
    rope_theta: float = 10000.0
    rope_scaling: RopeScaling | None = None
    activation: str = "silu"
    gated: bool = True
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    tied: bool = True
    windows: tuple[int | None, ...] = ()
    attention_softcap: float | None = None
    logit_softcap: float | None = None
    query_scale: float | None = None
    dtype: str = "float32"

    def __post_init__(self):
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"`{name}` must be one of {allowed}, got {getattr(self, name)!r}")
        for name in _SIZES:
            value = getattr(self, name)
            if not hasattr(value, "__index__") or value < 1:
                raise ValueError(f"`{name}` must be at least 1 and whole, got {value!r}")
        if self.heads % self.kv_heads:
            raise ValueError(f"`kv_heads` must divide `heads` ({self.heads}), got {self.kv_heads}")
        if self.positions == "rotary" and self.head_dim % 2:
            raise ValueError(f"`head_dim` must be even for rotary positions, got {self.head_dim}")
        scaling = self.rope_scaling
        if scaling and scaling.kind not in ("linear", "llama3"):
            raise ValueError(
                f"`rope_scaling.kind` must be 'linear' or 'llama3', got {scaling.kind!r}"
            )
        if scaling and scaling.low >= scaling.high:
            raise ValueError(
                f"`rope_scaling.low` must be below `rope_scaling.high` ({scaling.high}), got "
                f"{scaling.low}"
            )
        if self.windows and len(self.windows) != self.layers:
            raise ValueError(f"`windows` must have {self.layers} entries, got {len(self.windows)}")
        if any(window is not None and window < 1 for window in self.windows):
            raise ValueError(f"a window must be None or at least 1, got {self.windows}")

    def window(self, layer: int) -> int | None:
        """Return the sliding window of a layer, None if it attends to all positions."""
        return self.windows[layer] if self.windows else None


_CHOICES = {
    "norm": ("rms", "layer"),
    "positions": ("rotary", "learned"),
    "activation": ("silu", "gelu", "gelu_tanh"),
    "dtype": ("float32", "bfloat16", "float16"),
}
_SIZES = ("vocab_size", "dim", "layers", "heads", "kv_heads", "head_dim", "mlp_dim", "max_length")
