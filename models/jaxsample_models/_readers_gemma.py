"""The readers of Gemma's families: `config.json` to fields of a `TransformerConfig`."""

from __future__ import annotations

import math
from typing import Any

from ._fields import Json, activation, llama_like, reject, windows
from ._rope_fields import local_rope


def _gemma(json: Json, theta: float) -> dict[str, Any]:
    if json.get("use_bidirectional_attention"):
        reject("use_bidirectional_attention", True, "false")
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
