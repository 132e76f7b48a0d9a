"""How `config.json` writes rotary positions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ._json import short
from ._layer_kinds import RopeScaling

Json = Mapping[str, Any]

_KINDS = ("default", "linear", "llama3", "dynamic", "yarn", "longrope", "proportional")


def need(json: Json, key: str) -> Any:
    """Return a field that has no default."""
    if key not in json:
        raise ValueError(f"`{key}` is missing; download the file again")
    return json[key]


def rope(json: Json, head_dim: int, theta: float) -> dict[str, Any]:
    """Read the rotary positions of all layers; `theta` is the family's default base."""
    fields = _written(json)
    # Models with two kinds of layers nest the fields of each; `local_rope` reads the other.
    fields = {**fields, **fields.get("full_attention", {})}
    share = fields.get("partial_rotary_factor", json.get("partial_rotary_factor", 1.0))
    proportional = _kind(fields) == "proportional"  # it turns a part of all channels
    return {
        "rope_theta": float(fields.get("rope_theta", json.get("rope_theta", theta))),
        "rope_scaling": _scaling(fields, json),
        "rotary_dim": None if share == 1.0 or proportional else int(head_dim * share),
    }


def local_rope(json: Json, default: float) -> float:
    """Read the base of the rotary positions of layers with a window."""
    fields = _written(json).get("sliding_attention", {})
    if _kind(fields) != "default":
        raise ValueError(
            f"`rope_parameters.sliding_attention.rope_type` is {short(_kind(fields))}; only "
            f"'default' is supported"
        )
    return float(fields.get("rope_theta", json.get("rope_local_base_freq", default)))


def _written(json: Json) -> dict[str, Any]:
    # transformers 5 writes `rope_parameters`; earlier versions wrote `rope_theta` next to
    # `rope_scaling`.
    return {**json.get("rope_scaling", {}), **json.get("rope_parameters", {})}


def _kind(fields: Json) -> str:
    kind = fields.get("rope_type", fields.get("type", "default"))
    return "longrope" if kind == "su" else kind


def _scaling(fields: Json, json: Json) -> RopeScaling | None:
    kind, longest = _kind(fields), json.get("max_position_embeddings", 2048)
    if kind not in _KINDS:
        raise ValueError(f"`rope_type` is {short(kind)}; only {', '.join(_KINDS)} are supported")
    if kind == "default":
        return None
    if kind == "proportional":
        share = float(fields.get("partial_rotary_factor", 1.0))
        return RopeScaling(kind, float(fields.get("factor", 1.0)), share=share)
    original = fields.get("original_max_position_embeddings", longest)
    original = json.get("original_max_position_embeddings", original)
    if original < 2:
        raise ValueError(f"`original_max_position_embeddings` is {original}; it must be above 1")
    if kind == "longrope":
        return _longrope(fields, longest, original)
    factor = float(need(fields, "factor"))
    if kind == "linear":
        return RopeScaling("linear", factor)
    if kind == "dynamic":
        return RopeScaling("dynamic", factor, original=longest)
    if kind == "llama3":
        low, high = need(fields, "low_freq_factor"), need(fields, "high_freq_factor")
        original = need(fields, "original_max_position_embeddings")
        return RopeScaling("llama3", factor, float(low), float(high), original)
    return RopeScaling(
        "yarn",
        factor,
        float(fields.get("beta_slow", 1.0)),
        float(fields.get("beta_fast", 32.0)),
        original,
        attention=_yarn_attention(fields, factor),
        truncate=fields.get("truncate", True),
    )


def _yarn_attention(fields: Json, factor: float) -> float:
    def grown(by: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * by * math.log(factor) + 1.0

    if "attention_factor" in fields:
        return float(fields["attention_factor"])
    if "mscale" in fields and "mscale_all_dim" in fields:
        return grown(fields["mscale"]) / grown(fields["mscale_all_dim"])
    return grown(1.0)


def _longrope(fields: Json, longest: int, original: int) -> RopeScaling:
    factor = float(fields.get("factor", longest / original))
    attention = math.sqrt(1 + math.log(factor) / math.log(original)) if factor > 1 else 1.0
    return RopeScaling(
        "longrope",
        factor,
        original=original,
        short=tuple(map(float, need(fields, "short_factor"))),
        long=tuple(map(float, need(fields, "long_factor"))),
        attention=float(fields.get("attention_factor", attention)),
    )
