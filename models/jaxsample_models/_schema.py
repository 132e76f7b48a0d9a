"""The fields of a checkpoint's JSON files that are read, and the values they may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """The values that a field may have.

    Attributes:
        expected: a description for error messages.
        accepts: tells whether a value other than null is of this kind.
        nullable: whether null is a value of its own; elsewhere a null field counts as absent.
        fields: the kinds of the fields of a nested object.
    """

    expected: str
    accepts: Callable[[Any], bool]
    nullable: bool = False
    fields: Mapping[str, Kind] = {}


Schema = Mapping[str, Kind]


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value < 2**31


def _positive(value: Any) -> bool:
    # The bound refuses NaN, infinity and integers too large for a float.
    return type(value) in (int, float) and 0 < value < 1e38


def _text(value: Any) -> bool:
    return type(value) is str


def _list_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: type(value) is list and all(map(accepts, value))


def _object_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: type(value) is dict and all(map(accepts, value.values()))


def _token_ids(value: Any) -> bool:
    return _whole(0)(value) or _list_of(_whole(0))(value)


_SIZE = Kind("a whole number from 1 to 2**31 - 1", _whole(1))
_INDEX = Kind("a whole number from 0 to 2**31 - 1", _whole(0))
_POSITIVE = Kind("a finite number above 0", _positive)
_FLAG = Kind("true or false", lambda value: type(value) is bool)
_TEXT = Kind("a text", _text)
_TEXTS = Kind("a list of texts", _list_of(_text))
_TOKENS = Kind("a token id (a whole number from 0 to 2**31 - 1) or a list of them", _token_ids)
_POSITIVES = Kind("a list of finite numbers above 0", _list_of(_positive))
_INDICES = Kind("a list of whole numbers from 0 to 2**31 - 1", _list_of(_whole(0)))
_PADDING = Kind("a token id, or -1 for none", _whole(-1))

_HEADS = Kind(
    "an object of the `head_dim` and `num_key_value_heads` of layers",
    _object_of(
        lambda value: (
            _object_of(_whole(1))(value) and set(value) <= {"head_dim", "num_key_value_heads"}
        )
    ),
)

SPECIAL_TOKENS: Schema = {
    "bos_token_id": _TOKENS,
    "eos_token_id": _TOKENS,
    "pad_token_id": _PADDING,
}

INDEX: Schema = {"weight_map": Kind("an object of file names", _object_of(_text))}

_ROPE_FIELDS: Schema = {
    "rope_type": _TEXT,
    "type": _TEXT,
    "rope_theta": _POSITIVE,
    "partial_rotary_factor": _POSITIVE,
    "factor": _POSITIVE,
    "original_max_position_embeddings": _SIZE,
    "attention_factor": _POSITIVE,
    # llama3
    "low_freq_factor": _POSITIVE,
    "high_freq_factor": _POSITIVE,
    # yarn
    "beta_fast": _POSITIVE,
    "beta_slow": _POSITIVE,
    "mscale": _POSITIVE,
    "mscale_all_dim": _POSITIVE,
    "truncate": _FLAG,
    "llama_4_scaling_beta": _POSITIVE,
    # longrope
    "short_factor": _POSITIVES,
    "long_factor": _POSITIVES,
}


def _object(fields: Schema) -> Kind:
    return Kind("an object", lambda value: type(value) is dict, fields=fields)


_ROPE = _object(
    _ROPE_FIELDS
    | {"full_attention": _object(_ROPE_FIELDS), "sliding_attention": _object(_ROPE_FIELDS)}
)

_TEXT_CONFIG: Schema = {
    **SPECIAL_TOKENS,
    "architectures": _TEXTS,
    "model_type": _TEXT,
    "vocab_size": _SIZE,
    "hidden_size": _SIZE,
    "num_hidden_layers": _SIZE,
    "num_attention_heads": _SIZE,
    "num_key_value_heads": _SIZE,
    "head_dim": _SIZE,
    "intermediate_size": _SIZE,
    "max_position_embeddings": _SIZE,
    "rms_norm_eps": _POSITIVE,
    "hidden_act": _TEXT,
    "attention_bias": _FLAG,
    "mlp_bias": _FLAG,
    "tie_word_embeddings": _FLAG,
    "rope_theta": _POSITIVE,
    "rope_scaling": _ROPE,
    "rope_parameters": _ROPE,
    "rope_local_base_freq": _POSITIVE,
    "partial_rotary_factor": _POSITIVE,
    "original_max_position_embeddings": _SIZE,
    # Mistral, Qwen and Gemma
    "layer_types": _TEXTS,
    "sliding_window": _SIZE._replace(nullable=True),
    "use_sliding_window": _FLAG,
    "max_window_layers": _INDEX,
    "hidden_activation": _TEXT,
    "use_bidirectional_attention": Kind(
        "true, false or a text", lambda value: type(value) in (bool, str)
    ),
    "attn_logit_softcapping": _POSITIVE._replace(nullable=True),
    "final_logit_softcapping": _POSITIVE._replace(nullable=True),
    "query_pre_attn_scalar": _POSITIVE,
    "sliding_window_pattern": _SIZE,
    "_sliding_window_pattern": _SIZE,
    # Gemma 4
    "enable_moe_block": _FLAG,
    "attention_k_eq_v": _FLAG,
    "use_double_wide_mlp": _FLAG,
    "global_head_dim": _SIZE,
    "num_global_key_value_heads": _SIZE,
    "num_kv_shared_layers": _INDEX,
    "hidden_size_per_layer_input": _INDEX._replace(nullable=True),
    "vocab_size_per_layer_input": _SIZE,
    "per_layer_config": _HEADS,
    # SmolLM3 and Granite
    "no_rope_layers": _INDICES,
    "no_rope_layer_interval": _SIZE,
    "embedding_multiplier": _POSITIVE,
    "residual_multiplier": _POSITIVE,
    "attention_multiplier": _POSITIVE,
    "logits_scaling": _POSITIVE,
    # LFM2
    "norm_eps": _POSITIVE,
    "tie_embedding": _FLAG,
    "block_ff_dim": _SIZE,
    "block_auto_adjust_ff_dim": _FLAG,
    "block_multiple_of": _SIZE,
    "block_ffn_dim_multiplier": _POSITIVE,
    "full_attn_idxs": _INDICES,
    "conv_L_cache": _SIZE,
    "conv_bias": _FLAG,
    # Qwen 3.5
    "full_attention_interval": _SIZE,
    "linear_num_value_heads": _SIZE,
    "linear_num_key_heads": _SIZE,
    "linear_key_head_dim": _SIZE,
    "linear_value_head_dim": _SIZE,
    "linear_conv_kernel_dim": _SIZE,
    # Mixtral and Qwen
    "num_experts": _SIZE,
    "num_local_experts": _SIZE,
    "num_experts_per_tok": _SIZE,
    "moe_intermediate_size": _SIZE,
    "norm_topk_prob": _FLAG,
    "decoder_sparse_step": _SIZE,
    "mlp_only_layers": _INDICES,
    "swiglu_alpha": _POSITIVE,
    "swiglu_limit": _POSITIVE,
    # GPT-NeoX
    "layer_norm_eps": _POSITIVE,
    "use_parallel_residual": _FLAG,
    "rotary_pct": _POSITIVE,
    "rotary_emb_base": _POSITIVE,
    # GPT-2
    "n_embd": _SIZE,
    "n_layer": _SIZE,
    "n_head": _SIZE,
    "n_inner": _SIZE,
    "n_positions": _SIZE,
    "layer_norm_epsilon": _POSITIVE,
    "activation_function": _TEXT,
    "scale_attn_weights": _FLAG,
    "scale_attn_by_inverse_layer_idx": _FLAG,
    "add_cross_attention": _FLAG,
}

CONFIG = _TEXT_CONFIG | {"text_config": _object(_TEXT_CONFIG)}
