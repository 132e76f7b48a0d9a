"""The config.json that the metadata of a GGUF file stands for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._gguf_architectures import architecture_of
from ._gguf_file import LLAMA3, LONG, SHORT, GgufFile


def config_json(file: GgufFile) -> dict[str, Any]:
    """Return the fields of config.json, None where the file says nothing.

    Raises:
        ValueError: the architecture or its rotary positions are not supported.
    """
    architecture, get = architecture_of(file.metadata), file.get
    dim, heads, head_dim = (
        get(key) for key in ("embedding_length", "attention.head_count", "attention.key_length")
    )
    if head_dim is None and isinstance(dim, int) and isinstance(heads, int) and heads:
        head_dim = dim // heads
    own = architecture.fields(file)
    fields = {
        "architectures": [architecture.name],
        "vocab_size": file.vocab_size,
        "hidden_size": dim,
        "num_hidden_layers": get("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": get("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "intermediate_size": get("feed_forward_length"),
        "max_position_embeddings": get("context_length"),
        "rms_norm_eps": get("attention.layer_norm_rms_epsilon"),
        "attention_bias": "blk.0.attn_output.bias" in file.tensors,
        "mlp_bias": "blk.0.ffn_down.bias" in file.tensors,
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "rope_theta": get("rope.freq_base"),
        "rope_scaling": None if "rope_scaling" in own else _scaling(file, head_dim),
        "partial_rotary_factor": get("rope.dimension_count", head_dim) / head_dim
        if head_dim
        else None,
    }
    return fields | own


def _scaling(file: GgufFile, head_dim: Any) -> dict[str, Any] | None:
    get, divisors = file.get, file.divisors
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
            "llama_4_scaling_beta": get("attention.temperature_scale"),
        }
        if both := get("rope.scaling.yarn_log_multiplier"):
            fields |= {"mscale": 1.0, "mscale_all_dim": both}  # llama.cpp takes the first to be 1
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
