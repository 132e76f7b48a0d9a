"""The readers of GPT's families: `config.json` to fields of a `TransformerConfig`."""

from __future__ import annotations

from typing import Any

from ._fields import Json, activation, need, reject
from ._rope_fields import rope

_GPT2_FIXED = {
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}


def gpt2(json: Json) -> dict[str, Any]:
    for key, expected in _GPT2_FIXED.items():
        if json.get(key, expected) != expected:
            reject(key, json[key], str(expected).lower())
    dim, heads = need(json, "n_embd"), need(json, "n_head")
    return {
        "vocab_size": need(json, "vocab_size"),
        "dim": dim,
        "layers": need(json, "n_layer"),
        "heads": heads,
        "kv_heads": heads,
        "head_dim": dim // heads,
        "mlp_dim": json.get("n_inner", 4 * dim),
        "max_length": need(json, "n_positions"),
        "norm": "layer",
        "norm_eps": json.get("layer_norm_epsilon", 1e-5),
        "positions": "learned",
        "activation": activation(json, "activation_function", "gelu_new"),
        "gated": False,
        "qkv_bias": True,
        "out_bias": True,
        "mlp_bias": True,
        "tied": json.get("tie_word_embeddings", True),
    }


def gpt_neox(json: Json) -> dict[str, Any]:
    dim, heads = need(json, "hidden_size"), need(json, "num_attention_heads")
    bias, share = json.get("attention_bias", True), json.get("rotary_pct", 0.25)
    theta = json.get("rotary_emb_base", 10000.0)
    return {
        "vocab_size": need(json, "vocab_size"),
        "dim": dim,
        "layers": need(json, "num_hidden_layers"),
        "heads": heads,
        "kv_heads": heads,
        "head_dim": dim // heads,
        "mlp_dim": need(json, "intermediate_size"),
        "max_length": json.get("max_position_embeddings", 2048),
        "norm": "layer",
        "norm_eps": json.get("layer_norm_eps", 1e-5),
        "parallel": json.get("use_parallel_residual", True),
        "activation": activation(json, "hidden_act", "gelu"),
        "gated": False,
        "qkv_bias": bias,
        "out_bias": bias,
        "mlp_bias": True,
        "tied": json.get("tie_word_embeddings", False),
        **rope({"partial_rotary_factor": share, **json}, dim // heads, theta),
    }
