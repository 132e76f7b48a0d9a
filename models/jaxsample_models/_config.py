"""The configuration of a transformer, one hashable value."""

from __future__ import annotations

import dataclasses

from ._config_checks import check
from ._layer_kinds import Delta, GlobalHeads, LayerInputs, RopeScaling, Routing, SharedKeys


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
        global_heads: None, or other `kv_heads` and `head_dim` of layers without a window (Gemma 4).
        shared_keys: None, or the last layers, which read keys of earlier ones (Gemma 4 E2B).
        mlp_dim: inner width of the MLP.
        max_length: positions the model was trained for; a hard limit if they are learned.
        norm: "rms" or "layer".
        norm_eps: added to the variance.
        norm_offset: added to the norms' scale (Gemma stores scale - 1).
        pre_norms: normalise the inputs of attention and MLP.
        post_norms: normalise the outputs of attention and MLP (Gemma 2; alone in OLMo 2).
        parallel: attention and MLP both read the block's input (GPT-NeoX).
        embed_scale: multiplies the token embeddings.
        residual_scale: multiplies what attention and MLP add to the residual stream (Granite).
        positions: "rotary" or "learned".
        rope_theta: base of the rotary wavelengths.
        rope_scaling: None, or how the rotary frequencies are scaled.
        local_rope_theta: base of the rotary wavelengths, never scaled, of layers with a window;
            None if they rotate as the others do (Gemma 3, OLMo 3).
        rotary_dim: the first channels of a head, which rotate; None for all; even.
        unrotated: the layers without rotary positions (SmolLM3).
        query_growth: queries at position p are multiplied by
            `1 + query_growth * log(1 + floor(p / rope_scaling.original))` (Ministral 3).
        activation: "silu", "gelu" (exact) or "gelu_tanh".
        glu_limit: None, or a bound on gates and values of the MLP, which is then
            `down(gate * sigmoid(1.702 gate) * (value + 1))` (gpt-oss).
        gated: the MLP is `down(activation(gate(x)) * up(x))`, else `down(activation(up(x)))`.
        qkv_bias, out_bias, mlp_bias: which projections have a bias.
        qk_norm: RMS norm over each head of the queries and keys (Qwen3).
        value_norm: RMS norm without scales over each head of the values (Gemma 4).
        qk_norm_whole: that norm spans all heads together (OLMo 2).
        layer_inputs: None, or the embeddings that every layer has of its own (Gemma 4 E2B).
        layer_scales: the output of each layer is multiplied by a learned number (Gemma 4).
        attention_gate: the outputs of attention are multiplied by a sigmoid gate (Qwen 3.5).
        sinks: each head has a learned score that takes a share of its attention (gpt-oss).
        routing: None, or the experts in place of MLPs (Mixtral).
        convolutions: the layers with a short convolution in place of attention (LFM2).
        convolution_width: how many tokens it spans, at least 2.
        convolution_bias: it and its projections have biases.
        delta: None, or the layers with a memory in place of attention (Qwen 3.5).
        tied: the embedding table is also the output head.
        windows: the sliding window of each layer, in positions; None for full attention, () if no
            layer has a window.
        attention_softcap, logit_softcap: a cap c maps x to `c tanh(x / c)`; None for no cap.
        logit_scale: multiplies the logits (Granite).
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
    pre_norms: bool = True
    post_norms: bool = False
    parallel: bool = False
    embed_scale: float = 1.0
    residual_scale: float = 1.0
    positions: str = "rotary"
    rope_theta: float = 10000.0
    rope_scaling: RopeScaling | None = None
    local_rope_theta: float | None = None
    rotary_dim: int | None = None
    unrotated: tuple[int, ...] = ()
    query_growth: float = 0.0
    activation: str = "silu"
    glu_limit: float | None = None
    gated: bool = True
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    qk_norm_whole: bool = False
    attention_gate: bool = False
    sinks: bool = False
    routing: Routing | None = None
    convolutions: tuple[int, ...] = ()
    convolution_width: int = 3
    convolution_bias: bool = False
    delta: Delta | None = None
    tied: bool = True
    windows: tuple[int | None, ...] = ()
    attention_softcap: float | None = None
    logit_softcap: float | None = None
    logit_scale: float = 1.0
    query_scale: float | None = None
    global_heads: GlobalHeads | None = None
    shared_keys: SharedKeys | None = None
    value_norm: bool = False
    layer_inputs: LayerInputs | None = None
    layer_scales: bool = False
    dtype: str = "float32"

    def __post_init__(self):
        check(self)

    def key_heads(self, layer: int) -> tuple[int, int]:
        """Return the number of key heads of a layer, and the size of one."""
        if self.global_heads is not None and self.window(layer) is None:
            return self.global_heads.kv_heads, self.global_heads.head_dim
        return self.kv_heads, self.head_dim

    def keys_are_values(self, layer: int) -> bool:
        """Tell whether a layer has one projection for keys and values."""
        wide = self.global_heads if self.window(layer) is None else None
        return wide is not None and wide.keys_are_values

    def source(self, layer: int) -> int:
        """Return the layer whose keys and values a layer reads: most often itself."""
        own = self.layers - (self.shared_keys.layers if self.shared_keys else 0)
        if layer < own:
            return layer
        windowed = self.window(layer) is not None
        return max(i for i in range(own) if (self.window(i) is not None) == windowed)

    def mlp_width(self, layer: int) -> int:
        """Return the inner width of a layer's MLP."""
        if self.shared_keys is not None and self.source(layer) != layer:
            return self.shared_keys.mlp_dim
        return self.mlp_dim

    def rope(self, layer: int) -> tuple[int, float, RopeScaling | None] | None:
        """Return the channels, base and scaling of a layer's rotary positions, if it has any."""
        if self.positions != "rotary" or layer in self.unrotated:
            return None
        size = self.rotary_dim or self.key_heads(layer)[1]
        if self.local_rope_theta is not None and self.window(layer) is not None:
            return size, self.local_rope_theta, None
        return size, self.rope_theta, self.rope_scaling

    def attends(self, layer: int) -> bool:
        """Tell whether a layer has attention."""
        other = self.delta.layers if self.delta else ()
        return layer not in self.convolutions and layer not in other

    def routed(self, layer: int) -> bool:
        """Tell whether a layer has experts."""
        return self.routing is not None and layer not in self.routing.dense

    def window(self, layer: int) -> int | None:
        """Return the sliding window of a layer, None if it attends to all positions."""
        return self.windows[layer] if self.windows else None
