"""How the `config.json` of each model family becomes a `TransformerConfig`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from . import _tensor_names as names
from ._config import RopeScaling, TransformerConfig
from ._json import short

Json = Mapping[str, Any]


class Family(NamedTuple):
    """How one architecture is read.

    Attributes:
        read: turns `config.json` into the fields of a `TransformerConfig`.
        names: the stored tensor of each parameter.
        layers: the field with the number of layers.
        transposed: kernels are stored `[outputs, inputs]`, as torch's Linear does.
        prefix: the beginning of tensor names that older folders leave out.
    """

    read: Callable[[Json], dict[str, Any]]
    names: names.Names
    layers: str = "num_hidden_layers"
    transposed: bool = True
    prefix: str = "model."


_ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
}


def _reject(key: str, found: Any, expected: str):
    raise ValueError(f"`{key}` is {short(found)}; only {expected} is supported")


def need(json: Json, key: str) -> Any:
    """Return a field that has no default."""
    if key not in json:
        raise ValueError(f"`{key}` is missing; download the file again")
    return json[key]


def _activation(json: Json, key: str, default: str) -> str:
    name = json.get(key, default)
    if name not in _ACTIVATIONS:
        _reject(key, name, " or ".join(sorted(_ACTIVATIONS)))
    return _ACTIVATIONS[name]


def _rope(json: Json) -> dict[str, Any]:
    # transformers 5 writes `rope_parameters`; earlier versions wrote `rope_theta` next to
    # `rope_scaling`.
    rope = {**json.get("rope_scaling", {}), **json.get("rope_parameters", {})}
    theta = float(rope.get("rope_theta", json.get("rope_theta", 10000.0)))
    kind = rope.get("rope_type", rope.get("type", "default"))
    partial = rope.get("partial_rotary_factor", json.get("partial_rotary_factor", 1.0))
    if partial != 1.0:
        _reject("partial_rotary_factor", partial, "1.0")
    if kind == "default":
        return {"rope_theta": theta}
    if kind not in ("linear", "llama3"):
        _reject("rope_type", kind, "'default', 'linear' or 'llama3'")
    if kind == "linear":
        scaling = RopeScaling("linear", float(need(rope, "factor")))
    else:
        scaling = RopeScaling(
            "llama3",
            float(need(rope, "factor")),
            float(need(rope, "low_freq_factor")),
            float(need(rope, "high_freq_factor")),
            need(rope, "original_max_position_embeddings"),
        )
    return {"rope_theta": theta, "rope_scaling": scaling}


def _windows(json: Json, layers: int, window: int | None, default: list[bool]):
    """Return the window of each layer, by `layer_types` or, if that is absent, by `default`."""
    kinds = json.get("layer_types")
    if kinds is None:
        sliding = default
    else:
        if len(kinds) != layers:
            raise ValueError(f"`layer_types` has {len(kinds)} entries; it must have {layers}")
        for kind in kinds:
            if kind not in ("full_attention", "sliding_attention"):
                _reject("layer_types", kind, "'full_attention' or 'sliding_attention'")
        sliding = [kind == "sliding_attention" for kind in kinds]
    if window is None or not any(sliding):
        return ()
    return tuple(window if slides else None for slides in sliding)


def _llama_like(json: Json, *, kv_heads: int | None = None, head_dim: int | None = None):
    dim, heads = need(json, "hidden_size"), need(json, "num_attention_heads")
    return {
        "vocab_size": need(json, "vocab_size"),
        "dim": dim,
        "layers": need(json, "num_hidden_layers"),
        "heads": heads,
        "kv_heads": json.get("num_key_value_heads", kv_heads or heads),
        "head_dim": json.get("head_dim", head_dim or dim // heads),
        "mlp_dim": need(json, "intermediate_size"),
        "max_length": json.get("max_position_embeddings", 2048),
        "norm_eps": json.get("rms_norm_eps", 1e-6),
        "activation": _activation(json, "hidden_act", "silu"),
        "tied": json.get("tie_word_embeddings", False),
        **_rope(json),
    }


def _llama(json: Json) -> dict[str, Any]:
    bias = json.get("attention_bias", False)
    return _llama_like(json) | {
        "qkv_bias": bias,
        "out_bias": bias,
        "mlp_bias": json.get("mlp_bias", False),
    }


def _mistral(json: Json) -> dict[str, Any]:
    fields = _llama_like(json, kv_heads=8)
    layers = fields["layers"]
    window = json.get("sliding_window", 4096)
    return fields | {"windows": _windows(json, layers, window, [True] * layers)}


def _qwen2(json: Json) -> dict[str, Any]:
    fields = _llama_like(json)
    layers, first = fields["layers"], json.get("max_window_layers", 28)
    window = json.get("sliding_window", 4096) if json.get("use_sliding_window", False) else None
    sliding = [layer >= first for layer in range(layers)]
    return fields | {"qkv_bias": True, "windows": _windows(json, layers, window, sliding)}


def _qwen3(json: Json) -> dict[str, Any]:
    bias = json.get("attention_bias", False)
    fields = _qwen2(json) | {"qkv_bias": bias, "out_bias": bias, "qk_norm": True}
    return fields | {"head_dim": json.get("head_dim", 128)}


def _gemma2(json: Json) -> dict[str, Any]:
    fields = _llama_like(json, kv_heads=4, head_dim=256)
    if json.get("use_bidirectional_attention"):
        _reject("use_bidirectional_attention", True, "false")
    layers, bias = fields["layers"], json.get("attention_bias", False)
    sliding = [layer % 2 == 0 for layer in range(layers)]
    return fields | {
        "activation": _activation(json, "hidden_activation", "gelu_pytorch_tanh"),
        "tied": json.get("tie_word_embeddings", True),
        "norm_offset": 1.0,
        "post_norms": True,
        "embed_scale": math.sqrt(fields["dim"]),
        "qkv_bias": bias,
        "out_bias": bias,
        "windows": _windows(json, layers, json.get("sliding_window", 4096), sliding),
        "attention_softcap": json.get("attn_logit_softcapping", 50.0),
        "logit_softcap": json.get("final_logit_softcapping", 30.0),
        "query_scale": float(json.get("query_pre_attn_scalar", 256)),
    }


def _gpt2(json: Json) -> dict[str, Any]:
    for key, expected in _GPT2_FIXED.items():
        if json.get(key, expected) != expected:
            _reject(key, json[key], str(expected).lower())
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
        "activation": _activation(json, "activation_function", "gelu_new"),
        "gated": False,
        "qkv_bias": True,
        "out_bias": True,
        "mlp_bias": True,
        "tied": json.get("tie_word_embeddings", True),
    }


_GPT2_FIXED = {
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}

FAMILIES = {
    "LlamaForCausalLM": Family(_llama, names.LLAMA),
    "MistralForCausalLM": Family(_mistral, names.LLAMA),
    "Qwen2ForCausalLM": Family(_qwen2, names.LLAMA),
    "Qwen3ForCausalLM": Family(_qwen3, names.QWEN3),
    "Gemma2ForCausalLM": Family(_gemma2, names.GEMMA2),
    "GPT2LMHeadModel": Family(
        _gpt2, names.GPT2, layers="n_layer", transposed=False, prefix="transformer."
    ),
}


def family_of(json: Json) -> Family:
    """Find the family that a `config.json` names.

    Raises:
        ValueError: the family is not supported.
    """
    found = json.get("architectures", [])
    for architecture in found:
        if architecture in FAMILIES:
            return FAMILIES[architecture]
    named = short(found) if found else f"none (model_type {short(json.get('model_type'))})"
    raise ValueError(f"architecture {named} is not supported; supported are {', '.join(FAMILIES)}")


def read_config(json: Json) -> TransformerConfig:
    """Turn the contents of `config.json` into a `TransformerConfig`.

    Raises:
        ValueError: a field is missing, or has a value that is not supported.
    """
    if json.get("quantization_config"):
        _reject("quantization_config", json["quantization_config"], "none: dequantize first")
    return TransformerConfig(**family_of(json).read(json))
