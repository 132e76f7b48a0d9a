"""GGUF files of tiny models, written by llama.cpp's rules from folders."""

import json
from unittest import mock

import gguf
import numpy as np
from safetensors.numpy import load_file

from . import families, reference
from .gguf_hybrids import converted, metadata_of

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
    "gpt_neox.embed_in": "token_embd",
    "gpt_neox.final_layer_norm": "output_norm",
    "embed_out": "output",
    "model.embedding_norm": "token_embd_norm",
    "model.embed_tokens_per_layer": "per_layer_token_embd",
    "model.per_layer_model_projection": "per_layer_model_proj",
    "model.per_layer_projection_norm": "per_layer_proj_norm",
}
BLOCK = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
    "self_attn.qkv_proj": "attn_qkv",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.gate_proj": "ffn_gate",
    "mlp.gate": "ffn_gate_inp",
    "block_sparse_moe.gate": "ffn_gate_inp",
    "mlp.experts.gate_proj": "ffn_gate_exps",
    "mlp.experts.up_proj": "ffn_up_exps",
    "mlp.experts.down_proj": "ffn_down_exps",
    "block_sparse_moe.experts.w1": "ffn_gate_exps",
    "block_sparse_moe.experts.w2": "ffn_down_exps",
    "block_sparse_moe.experts.w3": "ffn_up_exps",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "ln_1": "attn_norm",
    "ln_2": "ffn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
    "attention.query_key_value": "attn_qkv",
    "attention.dense": "attn_output",
    "mlp.dense_h_to_4h": "ffn_up",
    "mlp.dense_4h_to_h": "ffn_down",
    "operator_norm": "attn_norm",
    "ffn_norm": "ffn_norm",
    "self_attn.out_proj": "attn_output",
    "self_attn.q_layernorm": "attn_q_norm",
    "self_attn.k_layernorm": "attn_k_norm",
    "conv.conv": "shortconv.conv",
    "conv.in_proj": "shortconv.in_proj",
    "conv.out_proj": "shortconv.out_proj",
    "feed_forward.w1": "ffn_gate",
    "feed_forward.w2": "ffn_down",
    "feed_forward.w3": "ffn_up",
    "linear_attn.in_proj_qkv": "attn_qkv",
    "linear_attn.in_proj_z": "attn_gate",
    "linear_attn.in_proj_b": "ssm_beta",
    "linear_attn.in_proj_a": "ssm_alpha",
    "linear_attn.out_proj": "ssm_out",
    "linear_attn.conv1d": "ssm_conv1d",
    "linear_attn.dt_proj": "ssm_dt",
    "linear_attn.norm": "ssm_norm",
    "self_attn.sinks": "attn_sinks",
    "mlp.router": "ffn_gate_inp",
    "per_layer_input_gate": "inp_gate",
    "per_layer_projection": "proj",
    "post_per_layer_input_norm": "post_norm",
    "layer_scalar": "layer_output_scale",
}
KEYS = {
    "vocab_size": "vocab_size",
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "max_position_embeddings": "context_length",
    "head_dim": "attention.key_length",
    "sliding_window": "attention.sliding_window",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
    "sliding_window_pattern": "attention.sliding_window_pattern",
    "rope_local_base_freq": "rope.freq_base_swa",
    "num_local_experts": "expert_count",
    "num_experts": "expert_count",
    "num_experts_per_tok": "expert_used_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "attention_multiplier": "attention.scale",
    "embedding_multiplier": "embedding_scale",
    "residual_multiplier": "residual_scale",
    "logits_scaling": "logit_scale",
    "n_embd": "embedding_length",
    "n_layer": "block_count",
    "n_head": "attention.head_count",
    "n_positions": "context_length",
    "original_max_position_embeddings": "rope.scaling.original_context_length",
    "use_parallel_residual": "use_parallel_residual",
    "conv_L_cache": "shortconv.l_cache",
    "full_attention_interval": "full_attention_interval",
    "linear_conv_kernel_dim": "ssm.conv_kernel",
    "linear_key_head_dim": "ssm.state_size",
    "linear_num_key_heads": "ssm.group_count",
    "linear_num_value_heads": "ssm.time_step_rank",
    "global_head_dim": "attention.key_length",
    "num_kv_shared_layers": "attention.shared_kv_layers",
    "hidden_size_per_layer_input": "embedding_length_per_layer_input",
    "bos_token_id": "tokenizer.ggml.bos_token_id",
    "eos_token_id": "tokenizer.ggml.eos_token_id",
}
YARN = {
    "factor": "factor",
    "beta_fast": "yarn_beta_fast",
    "beta_slow": "yarn_beta_slow",
    "original_max_position_embeddings": "original_context_length",
}
YARN |= {"mscale_all_dim": "yarn_log_multiplier"}
INTERLEAVED = "llama", "smollm3", "granite", "mistral3"
POST_NORMS = "gemma2", "gemma3", "gemma4", "olmo2", "qwen35", "gpt-oss"
STORED_AS = {
    "mixtral": "llama",
    "qwen3_moe": "qwen3moe",
    "olmo3": "olmo2",
    "ministral3": "mistral3",
    "gpt_neox": "gptneox",
    "gpt_oss": "gpt-oss",
    "qwen3_5": "qwen35",
}
KINDS = gguf.GGMLQuantizationType

# Fields of the cases that a GGUF file does not hold, and what they are where it does not.
CASES = {
    "llama": {},
    "llama-biases": {},
    "qwen2": {},
    "qwen3": {},
    "gemma2": {"query_pre_attn_scalar": 16},
    "gemma3": {
        "query_pre_attn_scalar": 16,
        "rope_parameters": {"rope_theta": 500.0},
        "rope_local_base_freq": 100.0,
    },
    "smollm3": {"no_rope_layer_interval": None},
    "granite": {},
    "olmo2": {"rms_norm_eps": 1e-6},
    "olmo3": {"rms_norm_eps": 1e-6, "layer_types": None},
    "mixtral": {"rms_norm_eps": 1e-6, "rope_parameters": {"rope_theta": 10000.0}},
    "qwen3_moe": {"mlp_only_layers": None},
    "phi3": {
        "rms_norm_eps": 1e-6,
        "original_max_position_embeddings": None,
        "rope_parameters": {"rope_theta": 500.0},
    },
    "phi3-short": {"rms_norm_eps": 1e-6},
    "gpt2": {},
    "gpt_neox": {
        "num_key_value_heads": None,
        "use_parallel_residual": True,
        "rope_parameters": {"rope_theta": 10000.0, "partial_rotary_factor": 0.5},
    },
    "gpt_neox-serial": {"num_key_value_heads": None, "attention_bias": True},
    "ministral3": {
        "rms_norm_eps": 1e-6,
        "rope_parameters": reference.YARN
        | {"llama_4_scaling_beta": 0.3, "mscale": 1.0, "mscale_all_dim": 0.5},
    },
    "gpt_oss": {"rms_norm_eps": 1e-6, "swiglu_limit": None},
    "lfm2": {"conv_bias": None, "norm_eps": 1e-6, "conv_L_cache": 3},
    "qwen3_5": {"layer_types": None, "full_attention_interval": 2, "linear_conv_kernel_dim": 4},
    "gemma4": {},
    "gemma4-shared": {"num_global_key_value_heads": None},
}


def folder_of(case, folder):
    """Write a folder of a case with the fields above in place of its own."""
    family, fields = reference.CASES[case]
    fields = {key: value for key, value in (fields | CASES[case]).items() if value is not None}
    with mock.patch.dict(reference.CASES, {case: (family, fields)}):
        return families.write(case, folder)


def write(folder, file, kind=KINDS.F32, extra=(), drop=(), tensors=None):
    """Write the model of a folder, matrices as `kind` where their rows fit its blocks.

    Args:
        extra: further metadata, as pairs of a key and a value.
        drop: keys of metadata to leave out.
        tensors: tensors to add, or to replace by, under llama.cpp's names.
    """
    fields = json.loads((folder / "config.json").read_text())
    architecture = fields["model_type"].removesuffix("_text")
    architecture = STORED_AS.get(architecture, architecture)
    writer = gguf.GGUFWriter(file, architecture)
    metadata = {f"{architecture}.{key}": value for key, value in _metadata(fields).items()}
    metadata = {
        key.replace(f"{architecture}.tokenizer", "tokenizer"): value
        for key, value in metadata.items()
    }
    for key, value in (metadata | dict(extra)).items():
        if key not in drop:
            _add(writer, key, value)
    stored, found = {}, load_file(folder / "model.safetensors")
    pairs = [pair for name in found for pair in converted(name, found[name], fields)]
    for name, whole in sorted(pairs, key=lambda pair: pair[0]):  # fewer than ten experts
        ours = _name(name, architecture)
        value = _laid_out(ours, whole, architecture, fields)
        if ".experts." in name and architecture != "gpt-oss":
            value = np.concatenate([*stored.get(ours, []), value]).reshape(-1, *value.shape)
        stored[ours] = value
    if architecture == "gemma4":
        stored["rope_freqs.weight"] = np.array([1.0] * 6 + [1e30] * 6, np.float32)
    for length in ("long", "short"):
        if divisors := fields.get("rope_parameters", {}).get(f"{length}_factor"):
            stored[f"rope_factors_{length}.weight"] = np.array(divisors, np.float32)
    for name, value in (stored | (tensors or {})).items():
        fits = value.ndim > 1 and value.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0
        chosen = kind if fits else KINDS.F32
        writer.add_tensor(name, gguf.quantize(value, chosen), raw_dtype=chosen)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _metadata(fields):
    found = {KEYS[key]: value for key, value in fields.items() if key in KEYS and value is not None}
    rope = fields.get("rope_parameters", {})
    if "n_embd" in fields:
        return found | {
            "feed_forward_length": 4 * fields["n_embd"],
            "attention.layer_norm_epsilon": 1e-5,
        }
    every = rope.get("full_attention", rope)
    if "sliding_attention" in rope:
        found["rope.freq_base_swa"] = rope["sliding_attention"]["rope_theta"]
    if every.get("rope_type") == "yarn":
        found["rope.scaling.type"] = "yarn"
        found |= {f"rope.scaling.{b}": every[a] for a, b in YARN.items() if a in every}
    if "llama_4_scaling_beta" in every:
        found["attention.temperature_scale"] = every["llama_4_scaling_beta"]
    if "partial_rotary_factor" in rope:
        size = fields.get("head_dim", fields["hidden_size"] // fields["num_attention_heads"])
        found["rope.dimension_count"] = int(size * rope["partial_rotary_factor"])
    found |= metadata_of(fields)
    return found | {
        "attention.layer_norm_epsilon": 1e-5,
        "attention.layer_norm_rms_epsilon": fields.get("rms_norm_eps", 1e-6),
        "rope.freq_base": every.get("rope_theta", 10000.0),
    }


def _add(writer, key, value):
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def _name(name, architecture):
    base, _, suffix = name.rpartition(".")
    if base in NAMES:
        return f"{NAMES[base]}.{suffix}"
    if suffix == "A_log":
        return f"blk.{base.split('.')[2]}.ssm_a"
    parts = base.split(".")
    part = ".".join(part for part in parts[3:] if not part.isdigit())
    ours = BLOCK[part]
    if architecture in POST_NORMS and part == "post_attention_layernorm":
        ours = "post_attention_norm"
    return f"blk.{parts[2]}.{ours}.{suffix}"


def _laid_out(name, value, architecture, fields):
    if architecture in INTERLEAVED and (".attn_q." in name or ".attn_k." in name):
        heads = fields["num_attention_heads" if ".attn_q." in name else "num_key_value_heads"]
        halves = value.reshape(heads, 2, -1, *value.shape[1:])
        return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(value.shape))
    if architecture in ("gemma2", "gemma3", "qwen35") and name.endswith("norm.weight"):
        return value if "ssm_norm" in name else value + 1
    if architecture == "gpt2" and name.startswith("blk.") and value.ndim == 2:
        return np.ascontiguousarray(value.T)
    return value
