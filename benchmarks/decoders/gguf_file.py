"""Write the Llama of a Hugging Face folder as a float32 GGUF for llama.cpp."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np

_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_OUTER = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def write_gguf(folder: str | Path) -> Path:
    """Write `model.gguf` into `folder`, if it is absent; return its path."""
    folder = Path(folder)
    path = folder / "model.gguf"
    if path.exists():
        return path
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    # Input and output are token ids, so only the size of the vocabulary is needed.
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    for name, value in _tensors(folder / "model.safetensors"):
        writer.add_tensor(_name(name), _laid(name, value, config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(file: Path):
    """Read a float32 safetensors file: a length, a JSON header, the bytes."""
    data = np.memmap(file, np.uint8, "r")
    end = 8 + int(data[:8].view("<u8")[0])
    for name, entry in json.loads(bytes(data[8:end])).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise ValueError(f"`{name}` should be F32, found {entry['dtype']}")
        first, last = entry["data_offsets"]
        yield name, np.array(data[end + first : end + last]).view("<f4").reshape(entry["shape"])


def _name(name: str) -> str:
    if name in _OUTER:
        return _OUTER[name]
    number, kind = name.removeprefix("model.layers.").removesuffix(".weight").split(".", 1)
    return f"blk.{number}.{_LAYER[kind]}.weight"


def _laid(name: str, value: np.ndarray, config: dict) -> np.ndarray:
    """Reorder queries and keys from rotary halves (j, j + d/2) to rotary pairs (2j, 2j + 1)."""
    if ".q_proj." in name or ".k_proj." in name:
        key = "num_attention_heads" if ".q_proj." in name else "num_key_value_heads"
        heads = value.reshape(config[key], 2, config["head_dim"] // 2, -1)
        value = heads.swapaxes(1, 2).reshape(value.shape)
    return np.ascontiguousarray(value)
