"""The readers of families close to Llama: `config.json` to fields of a `TransformerConfig`."""

from __future__ import annotations

from typing import Any

from ._fields import Json, layers_of, llama_like, need, reject, windows
from ._layer_kinds import Delta
from ._rope_fields import local_rope


def llama(json: Json, theta: float = 10000.0) -> dict[str, Any]:
    bias = json.get("attention_bias", False)
    return llama_like(json, theta=theta) | {
        "qkv_bias": bias,
        "out_bias": bias,
        "mlp_bias": json.get("mlp_bias", False),
    }


def mistral(json: Json) -> dict[str, Any]:
    fields = llama_like(json, kv_heads=8)
    layers = fields["layers"]
    window = json.get("sliding_window", 4096)
    return fields | {"windows": windows(json, layers, window, [True] * layers)}


def ministral3(json: Json) -> dict[str, Any]:
    rope = need(json, "rope_scaling" if "rope_scaling" in json else "rope_parameters")
    fields = llama_like(json, kv_heads=8, head_dim=128, norm_eps=1e-5)
    if fields["rope_scaling"] is None:
        reject("rope_parameters.rope_type", rope.get("rope_type"), "a kind of scaling")
    layers = fields["layers"]
    return fields | {
        "windows": windows(json, layers, json.get("sliding_window"), [True] * layers),
        "query_growth": float(rope.get("llama_4_scaling_beta", 0.0)),
    }


def qwen2(json: Json) -> dict[str, Any]:
    fields = llama_like(json)
    layers, first = fields["layers"], json.get("max_window_layers", 28)
    window = json.get("sliding_window", 4096) if json.get("use_sliding_window", False) else None
    sliding = [layer >= first for layer in range(layers)]
    return fields | {"qkv_bias": True, "windows": windows(json, layers, window, sliding)}


def qwen3(json: Json) -> dict[str, Any]:
    bias = json.get("attention_bias", False)
    fields = qwen2(json) | {"qkv_bias": bias, "out_bias": bias, "qk_norm": True}
    return fields | {"head_dim": json.get("head_dim", 128)}


def qwen35(json: Json) -> dict[str, Any]:
    bias = json.get("attention_bias", False)
    fields = llama_like({"partial_rotary_factor": 0.25, **json}, kv_heads=4, head_dim=256)
    every = json.get("full_attention_interval", 4)
    default = [(layer + 1) % every != 0 for layer in range(fields["layers"])]
    return fields | {
        "norm_offset": 1.0,
        "qkv_bias": bias,
        "out_bias": bias,
        "qk_norm": True,
        "attention_gate": True,
        "delta": Delta(
            layers_of(json, "linear_attention", default),
            json.get("linear_num_value_heads", 32),
            json.get("linear_num_key_heads", 16),
            json.get("linear_key_head_dim", 128),
            json.get("linear_value_head_dim", 128),
            json.get("linear_conv_kernel_dim", 4),
        ),
    }


def smollm3(json: Json) -> dict[str, Any]:
    fields = llama(json, theta=2e6)
    layers, every = fields["layers"], json.get("no_rope_layer_interval", 4)
    rotated = json.get("no_rope_layers", [(layer + 1) % every for layer in range(layers)])
    if len(rotated) < layers:
        raise ValueError(f"`no_rope_layers` has {len(rotated)} entries; it must have {layers}")
    window = json.get("sliding_window") if json.get("use_sliding_window", False) else None
    return fields | {
        "tied": json.get("tie_word_embeddings", True),
        "unrotated": tuple(layer for layer in range(layers) if not rotated[layer]),
        "windows": windows(json, layers, window, [not turns for turns in rotated[:layers]]),
    }


def granite(json: Json) -> dict[str, Any]:
    return llama(json) | {
        "embed_scale": float(json.get("embedding_multiplier", 1.0)),
        "residual_scale": float(json.get("residual_multiplier", 1.0)),
        "logit_scale": 1 / json.get("logits_scaling", 1.0),
        "query_scale": json.get("attention_multiplier", 1.0) ** -2.0,
    }


def olmo2(json: Json, theta: float = 10000.0) -> dict[str, Any]:
    bias = json.get("attention_bias", False)
    return llama_like(json, norm_eps=1e-5, theta=theta) | {
        "qkv_bias": bias,
        "out_bias": bias,
        "pre_norms": False,
        "post_norms": True,
        "qk_norm": True,
        "qk_norm_whole": True,
    }


def olmo3(json: Json) -> dict[str, Any]:
    fields = olmo2(json, theta=5e5)
    layers, window = fields["layers"], json.get("sliding_window", 4096)
    sliding = [(layer + 1) % 4 != 0 for layer in range(layers)]
    return fields | {
        "windows": windows(json, layers, window, sliding),
        "local_rope_theta": local_rope(json, json.get("rope_theta", 5e5)),
    }


def lfm2(json: Json) -> dict[str, Any]:
    layers = need(json, "num_hidden_layers")
    inner = json["block_ff_dim"] if "block_ff_dim" in json else need(json, "intermediate_size")
    if json.get("block_auto_adjust_ff_dim", True):
        multiple = json.get("block_multiple_of", 256)
        inner = int(json.get("block_ffn_dim_multiplier", 1.0) * int(2 * inner / 3))
        inner = -(-inner // multiple) * multiple
    attends = json.get("full_attn_idxs", range(layers))
    default = [layer not in attends for layer in range(layers)]
    fields = llama_like({**json, "intermediate_size": inner}, kv_heads=8, theta=1e6)
    return fields | {
        "norm_eps": json.get("norm_eps", 1e-5),
        "tied": json.get("tie_embedding", json.get("tie_word_embeddings", True)),
        "qk_norm": True,
        "convolutions": layers_of(json, "conv", default),
        "convolution_width": json.get("conv_L_cache", 3),
        "convolution_bias": json.get("conv_bias", False),
    }


def phi3(json: Json) -> dict[str, Any]:
    fields = llama_like(json, norm_eps=1e-5)
    layers = fields["layers"]
    return fields | {"windows": windows(json, layers, json.get("sliding_window"), [True] * layers)}
