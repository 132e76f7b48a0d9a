"""The readers of families with experts: `config.json` to fields of a `TransformerConfig`."""

from __future__ import annotations

from typing import Any

from ._fields import Json, llama_like, need, reject, windows
from ._layer_kinds import Routing


def mixtral(json: Json) -> dict[str, Any]:
    fields = llama_like(json, kv_heads=8, norm_eps=1e-5, theta=1e6)
    layers = fields["layers"]
    routing = Routing(_experts(json), json.get("num_experts_per_tok", 2), fields["mlp_dim"])
    return fields | {
        "windows": windows(json, layers, json.get("sliding_window"), [True] * layers),
        "routing": routing,
    }


def qwen3_moe(json: Json) -> dict[str, Any]:
    fields = llama_like(json, kv_heads=4)
    layers, every = fields["layers"], json.get("decoder_sparse_step", 1)
    kept = json.get("mlp_only_layers", [])
    window = json.get("sliding_window", 4096) if json.get("use_sliding_window", False) else None
    bias = json.get("attention_bias", False)
    return fields | {
        "qkv_bias": bias,
        "out_bias": bias,
        "qk_norm": True,
        "windows": windows(json, layers, window, [True] * layers),
        "routing": Routing(
            _experts(json),
            json.get("num_experts_per_tok", 8),
            need(json, "moe_intermediate_size"),
            normalized=json.get("norm_topk_prob", False),
            dense=tuple(i for i in range(layers) if i in kept or (i + 1) % every),
        ),
    }


def gpt_oss(json: Json) -> dict[str, Any]:
    need(json, "rope_parameters" if "rope_parameters" in json else "rope_scaling")
    fields = llama_like(json, kv_heads=8, head_dim=64, norm_eps=1e-5, theta=150000.0)
    layers, bias = fields["layers"], json.get("attention_bias", True)
    if json.get("swiglu_alpha", 1.702) != 1.702:
        reject("swiglu_alpha", json["swiglu_alpha"], "1.702")
    sliding = [layer % 2 == 0 for layer in range(layers)]
    return fields | {
        "qkv_bias": bias,
        "out_bias": bias,
        "sinks": True,
        "glu_limit": json.get("swiglu_limit", 7.0),
        "windows": windows(json, layers, json.get("sliding_window", 128), sliding),
        "routing": Routing(
            _experts(json), json.get("num_experts_per_tok", 4), fields["mlp_dim"], bias=True
        ),
    }


def _experts(json: Json) -> int:
    return json["num_experts"] if "num_experts" in json else need(json, "num_local_experts")
