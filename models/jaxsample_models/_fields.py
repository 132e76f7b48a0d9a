"""Fields of `config.json` that many families share."""

from __future__ import annotations

from typing import Any, NoReturn

from ._json import short
from ._rope_fields import Json, need, rope

_ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
}


def reject(key: str, found: Any, expected: str) -> NoReturn:
    """Raise the error of a value that is not supported."""
    raise ValueError(f"`{key}` is {short(found)}; only {expected} is supported")


def text_fields(json: Json) -> dict[str, Any]:
    """Return the fields of the text part of a model that also sees or hears."""
    fields = dict(json["text_config"])
    for key in ("tie_word_embeddings", "quantization_config"):
        if key in json:
            fields[key] = json[key]
    return fields


def activation(json: Json, key: str, default: str) -> str:
    """Return our name of an activation function."""
    name = json.get(key, default)
    if name not in _ACTIVATIONS:
        reject(key, name, " or ".join(sorted(_ACTIVATIONS)))
    return _ACTIVATIONS[name]


def windows(json: Json, layers: int, window: int | None, default: list[bool]):
    """Return the window of each layer, by `layer_types` or, if that is absent, by `default`."""
    kinds = json.get("layer_types")
    if kinds is None:
        sliding = default
    else:
        if len(kinds) != layers:
            raise ValueError(f"`layer_types` has {len(kinds)} entries; it must have {layers}")
        for kind in kinds:
            if kind not in ("full_attention", "sliding_attention"):
                reject("layer_types", kind, "'full_attention' or 'sliding_attention'")
        sliding = [kind == "sliding_attention" for kind in kinds]
    if window is None or not any(sliding):
        return ()
    return tuple(window if slides else None for slides in sliding)


def layers_of(json: Json, kind: str, default: list[bool]) -> tuple[int, ...]:
    """Return the layers of this kind by `layer_types` or `default`; the others have attention."""
    layers = len(default)
    kinds = json.get("layer_types")
    if kinds is None:
        return tuple(layer for layer in range(layers) if default[layer])
    if len(kinds) != layers:
        raise ValueError(f"`layer_types` has {len(kinds)} entries; it must have {layers}")
    for found in kinds:
        if found not in ("full_attention", kind):
            reject("layer_types", found, f"'full_attention' or {kind!r}")
    return tuple(layer for layer in range(layers) if kinds[layer] == kind)


def llama_like(
    json: Json,
    *,
    kv_heads: int | None = None,
    head_dim: int | None = None,
    norm_eps: float = 1e-6,
    theta: float = 10000.0,
) -> dict[str, Any]:
    """Read the fields that Llama and its kin share; the arguments are a family's defaults."""
    dim, heads = need(json, "hidden_size"), need(json, "num_attention_heads")
    size = json.get("head_dim", head_dim or dim // heads)
    return {
        "vocab_size": need(json, "vocab_size"),
        "dim": dim,
        "layers": need(json, "num_hidden_layers"),
        "heads": heads,
        "kv_heads": json.get("num_key_value_heads", kv_heads or heads),
        "head_dim": size,
        "mlp_dim": need(json, "intermediate_size"),
        "max_length": json.get("max_position_embeddings", 2048),
        "norm_eps": json.get("rms_norm_eps", norm_eps),
        "activation": activation(json, "hidden_act", "silu"),
        "tied": json.get("tie_word_embeddings", False),
        **rope(json, size, theta),
    }
