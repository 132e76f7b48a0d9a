"""The readers of Gemma's families: `config.json` to fields of a `TransformerConfig`."""

from __future__ import annotations

import math
from typing import Any

from ._fields import Json, activation, llama_like, need, reject, windows
from ._layer_kinds import GlobalHeads, LayerInputs, SharedKeys
from ._rope_fields import local_rope


def _gemma(json: Json, theta: float) -> dict[str, Any]:
    if json.get("use_bidirectional_attention", False) not in (False, "vision"):
        reject("use_bidirectional_attention", json["use_bidirectional_attention"], "false")
    fields = llama_like(json, kv_heads=4, head_dim=256, theta=theta)
    bias = json.get("attention_bias", False)
    return fields | {
        "activation": activation(json, "hidden_activation", "gelu_pytorch_tanh"),
        "tied": json.get("tie_word_embeddings", True),
        "norm_offset": 1.0,
        "post_norms": True,
        "embed_scale": math.sqrt(fields["dim"]),
        "qkv_bias": bias,
        "out_bias": bias,
        "query_scale": float(json.get("query_pre_attn_scalar", 256)),
    }


def gemma2(json: Json) -> dict[str, Any]:
    fields = _gemma(json, 10000.0)
    layers = fields["layers"]
    sliding = [layer % 2 == 0 for layer in range(layers)]
    return fields | {
        "windows": windows(json, layers, json.get("sliding_window", 4096), sliding),
        "attention_softcap": json.get("attn_logit_softcapping", 50.0),
        "logit_softcap": json.get("final_logit_softcapping", 30.0),
    }


def gemma3(json: Json) -> dict[str, Any]:
    # Folders of models that see leave these out.
    fields = _gemma({"vocab_size": 262208, "num_attention_heads": 8, **json}, 1e6)
    layers = fields["layers"]
    pattern = json.get("sliding_window_pattern", json.get("_sliding_window_pattern", 6))
    sliding = [(layer + 1) % pattern != 0 for layer in range(layers)]
    return fields | {
        "qk_norm": True,
        "windows": windows(json, layers, json.get("sliding_window", 4096), sliding),
        "local_rope_theta": local_rope(json, 10000.0),
        "attention_softcap": json.get("attn_logit_softcapping"),
        "logit_softcap": json.get("final_logit_softcapping"),
    }


_GEMMA4_ROPE = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    "full_attention": {
        "rope_type": "proportional",
        "partial_rotary_factor": 0.25,
        "rope_theta": 1e6,
    },
}


def gemma4(json: Json) -> dict[str, Any]:
    if json.get("enable_moe_block", False):
        reject("enable_moe_block", True, "false")
    layers = need(json, "num_hidden_layers")
    sliding = [(layer + 1) % 6 != 0 for layer in range(layers)]
    kinds = ["sliding_attention" if slides else "full_attention" for slides in sliding]
    kinds = [*json.get("layer_types", kinds)[:-1], "full_attention"]
    defaults = {"vocab_size": 262144, "num_attention_heads": 8, "rope_parameters": _GEMMA4_ROPE}
    json = {**defaults, **json, "layer_types": kinds}
    fields = _gemma(json, 1e6)
    if fields["rotary_dim"] is not None:  # transformers ignores the share then
        share = f"{fields['rotary_dim']} of {fields['head_dim']} channels"
        reject("partial_rotary_factor", share, "1 unless rope_type is 'proportional'")
    shared, inputs = json.get("num_kv_shared_layers", 0), _layer_inputs(json)
    width = fields["mlp_dim"] * (2 if json.get("use_double_wide_mlp", False) else 1)
    return fields | {
        "norm_offset": 0.0,
        "query_scale": 1.0,
        "qk_norm": True,
        "value_norm": True,
        "layer_scales": True,
        "windows": windows(json, layers, json.get("sliding_window", 512), sliding),
        "local_rope_theta": local_rope(json, 1e4),
        "global_heads": _global_heads(json, fields),
        "shared_keys": SharedKeys(shared, width) if shared else None,
        "layer_inputs": inputs,
        "logit_softcap": json.get("final_logit_softcapping"),
    }


def _layer_inputs(json: Json) -> LayerInputs | None:
    size = json.get("hidden_size_per_layer_input", 256)
    return LayerInputs(json.get("vocab_size_per_layer_input", 262144), size) if size else None


def _global_heads(json: Json, fields: dict[str, Any]) -> GlobalHeads:
    """Read the heads of layers with full attention, of which the last layer is one."""
    same = json.get("attention_k_eq_v", False)
    heads = {"head_dim": json.get("global_head_dim", 512)}
    if same and "num_global_key_value_heads" in json:
        heads["num_key_value_heads"] = json["num_global_key_value_heads"]
    if "per_layer_config" in json:  # as transformers writes them since 5.24
        each = json["per_layer_config"]
        heads = each.get(str(fields["layers"] - 1), {})
        full = [i for i, kind in enumerate(json["layer_types"]) if kind == "full_attention"]
        if each != {str(layer): heads for layer in full if heads}:
            reject("per_layer_config", each, "one kind of heads for all layers of full attention")
    return GlobalHeads(
        heads.get("num_key_value_heads", fields["kv_heads"]),
        heads.get("head_dim", fields["head_dim"]),
        same,
    )
