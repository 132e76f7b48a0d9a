"""The config.json of GGUF files whose layers differ from one another."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._gguf_file import LLAMA3, GgufFile


def lfm2(file: GgufFile) -> dict[str, Any]:
    """Read LFM2, whose convolutions are the layers without key heads."""
    heads = file.each("attention.head_count_kv")
    return {
        "num_key_value_heads": max(heads, default=None),
        "layer_types": ["full_attention" if count else "conv" for count in heads],
        "conv_L_cache": file.get("shortconv.l_cache"),
        "norm_eps": file.get("attention.layer_norm_rms_epsilon"),
        "block_auto_adjust_ff_dim": False,  # the width in the file is adjusted
    }


def qwen35(file: GgufFile) -> dict[str, Any]:
    """Read Qwen 3.5.

    Raises:
        ValueError: the file holds layers that predict further tokens.
    """
    if ahead := file.get("nextn_predict_layers"):
        raise ValueError(
            f"`nextn_predict_layers` is {ahead}; convert the model without these layers: "
            f"convert_hf_to_gguf.py --no-mtp"
        )
    heads, inner = file.get("ssm.time_step_rank"), file.get("ssm.inner_size")
    return {
        "full_attention_interval": file.get("full_attention_interval"),
        "linear_num_value_heads": heads,
        "linear_num_key_heads": file.get("ssm.group_count"),
        "linear_key_head_dim": file.get("ssm.state_size"),
        "linear_value_head_dim": inner // heads if inner and heads else None,
        "linear_conv_kernel_dim": file.get("ssm.conv_kernel"),
    }


def gemma4(file: GgufFile) -> dict[str, Any]:
    """Read Gemma 4: without a value projection, full layers take their keys for values.

    Raises:
        ValueError: no pattern of layers, no layer with full attention, or other rotary frequencies
            than those of Gemma 4.
    """
    if file.get("attention.sliding_window_pattern") is None:
        raise ValueError("`attention.sliding_window_pattern` is missing; convert the model again")
    sliding = [bool(slides) for slides in file.each("attention.sliding_window_pattern")]
    heads, widths = file.each("attention.head_count_kv"), file.each("feed_forward_length")
    if all(sliding):
        raise ValueError("`attention.sliding_window_pattern` leaves no layer of full attention")
    full = {"head_dim": file.get("attention.key_length")}
    layers = [layer for layer, slides in enumerate(sliding) if not slides]
    return {
        "layer_types": ["sliding_attention" if one else "full_attention" for one in sliding],
        "sliding_window": file.get("attention.sliding_window"),
        "head_dim": file.get("attention.key_length_swa"),
        "num_key_value_heads": heads[sliding.index(True)] if any(sliding) else heads[0],
        "per_layer_config": {
            str(layer): full | {"num_key_value_heads": heads[layer]} for layer in layers
        },
        "attention_k_eq_v": f"blk.{layers[0]}.attn_v.weight" not in file.tensors,
        "num_kv_shared_layers": file.get("attention.shared_kv_layers", 0),
        "intermediate_size": widths[0],
        "use_double_wide_mlp": widths[-1] == 2 * widths[0],
        "hidden_size_per_layer_input": file.get("embedding_length_per_layer_input", 0),
        "vocab_size_per_layer_input": file.vocab_size,
        "final_logit_softcapping": file.get("final_logit_softcapping"),
        "partial_rotary_factor": None,
        "rope_scaling": None,
        "rope_parameters": {
            "full_attention": {
                "rope_type": "proportional",
                "rope_theta": file.get("rope.freq_base", 1e6),
                "partial_rotary_factor": _share(file.divisors.get(LLAMA3)),
            },
            "sliding_attention": {
                "rope_type": "default",
                "rope_theta": file.get("rope.freq_base_swa", 1e4),
            },
        },
    }


def _share(divisors: np.ndarray | None) -> float:
    """Return the part of rotary frequencies that turn: the others have an immense divisor."""
    if divisors is None:
        return 1.0
    turning = divisors < 1e20
    if not np.array_equal(np.where(turning, 1.0, 1e30).astype(np.float32), divisors):
        raise ValueError(
            "the divisors of rotary frequencies in `rope_freqs.weight` are neither 1 nor 1e30; "
            "only these are supported for Gemma 4"
        )
    return float(turning.mean())
