"""The config.json that the metadata of a GGUF file stands for."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from ._json import short

Get = Callable[..., Any]


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


def _plain(get: Get) -> dict[str, Any]:
    del get
    return {}


def _gemma2(get: Get) -> dict[str, Any]:
    # The scale of queries is not stored; 46 layers are those of the 27B model, as in llama.cpp.
    narrow = get("block_count") == 46
    return {
        "sliding_window": get("attention.sliding_window"),
        "attn_logit_softcapping": get("attn_logit_softcapping"),
        "final_logit_softcapping": get("final_logit_softcapping"),
        "query_pre_attn_scalar": get("embedding_length") / get("attention.head_count")
        if narrow
        else get("attention.key_length"),
    }


def _gpt2(get: Get) -> dict[str, Any]:
    return {
        "n_embd": get("embedding_length"),
        "n_layer": get("block_count"),
        "n_head": get("attention.head_count"),
        "n_positions": get("context_length"),
        "n_inner": get("feed_forward_length"),
        "layer_norm_epsilon": get("attention.layer_norm_epsilon"),
    }


ARCHITECTURES = {
    "llama": Architecture("LlamaForCausalLM", _plain, interleaved=True),
    "qwen2": Architecture("Qwen2ForCausalLM", _plain),
    "qwen3": Architecture("Qwen3ForCausalLM", _plain),
    "gemma2": Architecture("Gemma2ForCausalLM", _gemma2, norm_offset=1.0),
    "gpt2": Architecture("GPT2LMHeadModel", _gpt2),
}


def architecture_of(metadata: Mapping[str, Any]) -> Architecture:
    """Find the architecture that the metadata name.

    Raises:
        ValueError: it is not supported.
    """
    name = metadata.get("general.architecture")
    if name not in ARCHITECTURES:
        raise ValueError(
            f"architecture {short(name)} of a GGUF file is not supported; supported are "
            f"{', '.join(ARCHITECTURES)}"
        )
    return ARCHITECTURES[name]


def config_json(
    metadata: Mapping[str, Any], vocab_size: int, tensors: Collection[str], turns: Any = None
) -> dict[str, Any]:
    """Return the fields of config.json, None where the file says nothing.

    Args:
        metadata: the metadata of the file.
        vocab_size: the rows of its embedding.
        tensors: the names of its tensors.
        turns: the tensor "rope_freqs.weight", if there is one.

    Raises:
        ValueError: the architecture or its rotary positions are not supported.
    """
    architecture = architecture_of(metadata)

    def get(key: str, default: Any = None) -> Any:
        return metadata.get(f"{metadata['general.architecture']}.{key}", default)

    if get("expert_count"):
        raise ValueError(f"routed experts ({get('expert_count')}) of a GGUF file are not supported")
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
        "rope_scaling": _scaling(get, turns, head_dim),
        "partial_rotary_factor": get("rope.dimension_count", head_dim) / head_dim
        if head_dim
        else None,
    }
    return fields | architecture.fields(get)


def _scaling(get: Get, turns: Any, head_dim: Any) -> dict[str, Any] | None:
    kind = get("rope.scaling.type", "none")
    if turns is not None:
        return _llama3(turns, get("rope.freq_base", 10000.0), head_dim)
    if kind == "none":
        return None
    return {
        "rope_type": kind,
        "factor": get("rope.scaling.factor"),
        "original_max_position_embeddings": get("rope.scaling.original_context_length"),
    }


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
