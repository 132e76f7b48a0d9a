"""GGUF files of tiny models, written by llama.cpp's rules from folders."""

import json

import gguf
import numpy as np
from safetensors.numpy import load_file

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "transformer.wte": "token_embd",
    "transformer.wpe": "position_embd",
    "transformer.ln_f": "output_norm",
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
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "ln_1": "attn_norm",
    "ln_2": "ffn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
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
    "n_embd": "embedding_length",
    "n_layer": "block_count",
    "n_head": "attention.head_count",
    "n_positions": "context_length",
    "bos_token_id": "tokenizer.ggml.bos_token_id",
    "eos_token_id": "tokenizer.ggml.eos_token_id",
}
KINDS = gguf.GGMLQuantizationType


def write(folder, file, kind=KINDS.F32, extra=(), drop=(), tensors=None):
    """Write the model of a folder, matrices as `kind` where their rows fit its blocks.

    Args:
        extra: further metadata, as pairs of a key and a value.
        drop: keys of metadata to leave out.
        tensors: tensors to add, or to replace by, under llama.cpp's names.
    """
    fields = json.loads((folder / "config.json").read_text())
    architecture = fields["model_type"]
    writer = gguf.GGUFWriter(file, architecture)
    metadata = {f"{architecture}.{key}": value for key, value in _metadata(fields).items()}
    metadata = {
        key.replace(f"{architecture}.tokenizer", "tokenizer"): value
        for key, value in metadata.items()
    }
    for key, value in (metadata | dict(extra)).items():
        if key not in drop:
            _add(writer, key, value)
    stored = {}
    for name, value in load_file(folder / "model.safetensors").items():
        ours = _name(name, architecture)
        if ours is not None:
            stored[ours] = _laid_out(ours, value, architecture, fields)
    for name, value in (stored | (tensors or {})).items():
        fits = value.ndim == 2 and value.shape[1] % gguf.GGML_QUANT_SIZES[kind][0] == 0
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
    return found | {
        "attention.layer_norm_rms_epsilon": fields.get("rms_norm_eps", 1e-6),
        "rope.freq_base": rope.get("rope_theta", 10000.0),
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
    parts = base.split(".")
    part = ".".join(parts[3:])
    ours = BLOCK[part]
    if architecture == "gemma2" and part == "post_attention_layernorm":
        ours = "post_attention_norm"
    return f"blk.{parts[2]}.{ours}.{suffix}"


def _laid_out(name, value, architecture, fields):
    if architecture == "llama" and (".attn_q." in name or ".attn_k." in name):
        heads = fields["num_attention_heads" if ".attn_q." in name else "num_key_value_heads"]
        halves = value.reshape(heads, 2, -1, *value.shape[1:])
        return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(value.shape))
    if architecture == "gemma2" and name.endswith("norm.weight"):
        return value + 1
    if architecture == "gpt2" and name.startswith("blk.") and value.ndim == 2:
        return np.ascontiguousarray(value.T)
    return value
