"""The changes that llama.cpp's conversion makes to tensors, undone.

They follow the folder `conversion` of llama.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np


def rows(name: str, size: int, interleaved: bool, json: Mapping[str, Any]) -> np.ndarray | None:
    """Return the order of the rows of a tensor, None if it is that of the file."""
    if interleaved and re.search(r"\.[qk]_proj\.", name):
        query = ".q_proj." in name
        heads = json["num_attention_heads" if query else "num_key_value_heads"]
        return np.arange(size).reshape(heads, -1, 2).swapaxes(1, 2).ravel()
    if re.search(r"\.linear_attn\.(in_proj|conv1d|A_log|dt_proj)", name):
        return _by_key_head(size, ".in_proj_qkv." in name or ".conv1d." in name, json)
    return None


def columns(name: str, json: Mapping[str, Any]) -> np.ndarray | None:
    """Return the order of the columns of a tensor, None if it is that of the file."""
    if ".linear_attn.out_proj." not in name:
        return None
    return _by_key_head(json["linear_num_value_heads"] * json["linear_value_head_dim"], False, json)


def unfolded(name: str, value: np.ndarray, norm_offset: float) -> np.ndarray:
    """Return the values that Hugging Face stores, given those of the file."""
    if name.endswith(".A_log"):
        return np.log(-value)
    if name.endswith("norm.weight") and not name.endswith(".linear_attn.norm.weight"):
        return value - norm_offset
    return value


def _by_key_head(size: int, mixed: bool, json: Mapping[str, Any]) -> np.ndarray:
    """Order channels by value heads that stand together if they share a key head.

    The file has the first value head of every key head, then the second of each, and so on.
    """
    keys, heads = json["linear_num_key_heads"], json["linear_num_value_heads"]
    before = 2 * keys * json["linear_key_head_dim"] if mixed else 0
    order = np.arange(size - before).reshape(heads // keys, keys, -1).swapaxes(0, 1)
    return np.concatenate([np.arange(before), before + order.ravel()])
