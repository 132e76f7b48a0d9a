"""The config.json that the metadata of a GGUF file stands for."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from ._json import short

Get = Callable[..., Any]

# The tensors that divide rotary frequencies: those of Llama 3, and of models for two lengths.
LLAMA3, LONG, SHORT = "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"
DIVISORS = (LLAMA3, LONG, SHORT)


class Architecture(NamedTuple):
    """How llama.cpp stores one architecture, and how Hugging Face describes it.

    Attributes:
        name: the architecture in config.json.
        fields: reads the fields of config.json that the other architectures lack.
        interleaved: rotary positions turn neighbours in the file, halves at Hugging Face.
        norm_offset: what llama.cpp adds to the scales of norms.
    """

    name: str
    fields: Callable[[Get], dict[str, Any]]
    interleaved: bool = False
    norm_offset: float = 0.0


def _renamed(**keys: str) -> Callable[[Get], dict[str, Any]]:
    """Read fields of config.json from the metadata that stand for them."""
    return lambda get: {ours: get(theirs) for ours, theirs in keys.items()}


def _gemma(largest: int, **keys: str) -> Callable[[Get], dict[str, Any]]:
    """Read Gemma's fields; `largest` is the number of layers of the 27B model.

    The scale of queries is not stored. As in llama.cpp, that of the 27B model is another.
    """

    def fields(get: Get) -> dict[str, Any]:
        scalar = get("attention.key_length")
        if get("block_count") == largest:
            scalar = get("embedding_length") / get("attention.head_count")
        windows = _renamed(sliding_window="attention.sliding_window", **keys)
        return {"query_pre_attn_scalar": scalar, **windows(get)}

    return fields


def _qwen3_moe(get: Get) -> dict[str, Any]:
    fields = _renamed(
        num_experts="expert_count",
        num_experts_per_tok="expert_used_count",
        moe_intermediate_size="expert_feed_forward_length",
    )
    return {"norm_topk_prob": True, **fields(get)}  # llama.cpp always does


def _olmo2(get: Get) -> dict[str, Any]:
    if not get("attention.sliding_window"):
        return {}
    fields = _renamed(
        sliding_window="attention.sliding_window", rope_local_base_freq="rope.freq_base_swa"
    )
    return {"architectures": ["Olmo3ForCausalLM"], **fields(get)}  # stored as an OLMo 2


ARCHITECTURES = {
    "llama": Architecture("LlamaForCausalLM", _renamed(), interleaved=True),
    "llama with experts": Architecture(
        "MixtralForCausalLM",
        _renamed(num_local_experts="expert_count", num_experts_per_tok="expert_used_count"),
        interleaved=True,
    ),
    "qwen2": Architecture("Qwen2ForCausalLM", _renamed()),
    "qwen3": Architecture("Qwen3ForCausalLM", _renamed()),
    "qwen3moe with experts": Architecture("Qwen3MoeForCausalLM", _qwen3_moe),
    "gemma2": Architecture(
        "Gemma2ForCausalLM",
        _gemma(
            46,
            attn_logit_softcapping="attn_logit_softcapping",
            final_logit_softcapping="final_logit_softcapping",
        ),
        norm_offset=1.0,
    ),
    "gemma3": Architecture(
        "Gemma3ForCausalLM",
        _gemma(
            62,
            sliding_window_pattern="attention.sliding_window_pattern",
            rope_local_base_freq="rope.freq_base_swa",
        ),
        norm_offset=1.0,
    ),
    "smollm3": Architecture("SmolLM3ForCausalLM", _renamed(), interleaved=True),
    "granite": Architecture(
        "GraniteForCausalLM",
        _renamed(
            attention_multiplier="attention.scale",
            embedding_multiplier="embedding_scale",
            residual_multiplier="residual_scale",
            logits_scaling="logit_scale",
        ),
        interleaved=True,
    ),
    "olmo2": Architecture("Olmo2ForCausalLM", _olmo2),
    "phi3": Architecture("Phi3ForCausalLM", _renamed(sliding_window="attention.sliding_window")),
    "gpt2": Architecture(
        "GPT2LMHeadModel",
        _renamed(
            n_embd="embedding_length",
            n_layer="block_count",
            n_head="attention.head_count",
            n_positions="context_length",
            n_inner="feed_forward_length",
            layer_norm_epsilon="attention.layer_norm_epsilon",
        ),
    ),
}


def architecture_of(metadata: Mapping[str, Any]) -> Architecture:
    """Find the architecture that the metadata name.

    Raises:
        ValueError: it is not supported.
    """
    name = metadata.get("general.architecture")
    if metadata.get(f"{name}.expert_count"):
        name = f"{name} with experts"
    if name not in ARCHITECTURES:
        raise ValueError(
            f"architecture {short(name)} of a GGUF file is not supported; supported are "
            f"{', '.join(ARCHITECTURES)}"
        )
    return ARCHITECTURES[name]


def config_json(
    metadata: Mapping[str, Any],
    vocab_size: int,
    tensors: Collection[str],
    divisors: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """Return the fields of config.json, None where the file says nothing.

    Args:
        metadata: the metadata of the file.
        vocab_size: the rows of its embedding.
        tensors: the names of its tensors.
        divisors: those of its tensors that divide rotary frequencies, by name.

    Raises:
        ValueError: the architecture or its rotary positions are not supported.
    """
    architecture = architecture_of(metadata)

    def get(key: str, default: Any = None) -> Any:
        return metadata.get(f"{metadata['general.architecture']}.{key}", default)

    dim, heads, head_dim = (
        get(key) for key in ("embedding_length", "attention.head_count", "attention.key_length")
    )
    if head_dim is None and isinstance(dim, int) and isinstance(heads, int) and heads:
        head_dim = dim // heads
    fields = {
        "architectures": [architecture.name],
        "vocab_size": vocab_size,
        "hidden_size": dim,
        "num_hidden_layers": get("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": get("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "intermediate_size": get("feed_forward_length"),
        "max_position_embeddings": get("context_length"),
        "rms_norm_eps": get("attention.layer_norm_rms_epsilon"),
        "attention_bias": "blk.0.attn_output.bias" in tensors,
        "mlp_bias": "blk.0.ffn_down.bias" in tensors,
        "tie_word_embeddings": "output.weight" not in tensors,
        "rope_theta": get("rope.freq_base"),
        "rope_scaling": _scaling(get, divisors, head_dim),
        "partial_rotary_factor": get("rope.dimension_count", head_dim) / head_dim
        if head_dim
        else None,
    }
    return fields | architecture.fields(get)


def _scaling(get: Get, divisors: Mapping[str, Any], head_dim: Any) -> dict[str, Any] | None:
    kind = get("rope.scaling.type", "none")
    if LLAMA3 in divisors:
        return _llama3(divisors[LLAMA3], get("rope.freq_base", 10000.0), head_dim)
    if LONG in divisors and SHORT in divisors:
        fields = {
            "rope_type": "longrope",
            "short_factor": divisors[SHORT].tolist(),
            "long_factor": divisors[LONG].tolist(),
            "attention_factor": get("rope.scaling.attn_factor"),
        }
    elif kind == "none":
        return None
    else:
        fields = {
            "rope_type": kind,
            "factor": get("rope.scaling.factor"),
            "beta_fast": get("rope.scaling.yarn_beta_fast"),
            "beta_slow": get("rope.scaling.yarn_beta_slow"),
        }
    fields["original_max_position_embeddings"] = get("rope.scaling.original_context_length")
    return {key: value for key, value in fields.items() if value is not None}


def _llama3(turns: np.ndarray, theta: float, head_dim: int) -> dict[str, Any]:
    """Return the scaling whose divisors of frequencies are `turns`.

    The file holds the divisors alone. The bounds are those of every Llama 3 model.
    """
    factor, low, high, original = float(turns.max()), 1.0, 4.0, 8192
    lengths = 2 * math.pi * theta ** (np.arange(0, head_dim, 2) / head_dim)
    smooth = np.clip((original / lengths - low) / (high - low), 0.0, 1.0)
    expected = 1 / ((1 - smooth) / factor + smooth)
    if turns.shape != expected.shape or not np.allclose(turns, expected, rtol=1e-4):
        raise ValueError(
            "the divisors of rotary frequencies in `rope_freqs.weight` are not those of Llama 3; "
            "only these are supported"
        )
    return {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": low,
        "high_freq_factor": high,
        "original_max_position_embeddings": original,
    }
