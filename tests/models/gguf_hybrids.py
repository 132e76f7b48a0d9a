"""The part of llama.cpp's conversion that concerns layers of several kinds, on numpy arrays."""

import numpy as np


def metadata_of(fields):
    """Return metadata beside those that most architectures have, without the architecture."""
    kind, kinds = fields["model_type"], fields.get("layer_types", [])
    if kind == "lfm2":
        inner = 2 * fields["intermediate_size"] // 3
        step, heads = fields["block_multiple_of"], fields["num_key_value_heads"]
        return {
            "feed_forward_length": -(-inner // step) * step,
            "attention.head_count_kv": [heads if one != "conv" else 0 for one in kinds],
        }
    if kind == "gpt_neox":
        size = fields["hidden_size"] // fields["num_attention_heads"]
        share = fields.get("rope_parameters", {}).get("partial_rotary_factor", 0.25)
        return {"rope.dimension_count": int(share * size)}
    if kind == "qwen3_5_text":
        heads = fields["linear_num_value_heads"]
        return {"ssm.inner_size": heads * fields["linear_value_head_dim"]}
    if kind != "gemma4_text":
        return {}
    slides = [one == "sliding_attention" for one in kinds]
    found = {
        "attention.sliding_window_pattern": slides,
        "attention.key_length": fields["global_head_dim"],
        "attention.key_length_swa": fields["head_dim"],
        "rope.dimension_count": fields["global_head_dim"],
    }
    if wide := fields.get("num_global_key_value_heads"):
        narrow = fields["num_key_value_heads"]
        found["attention.head_count_kv"] = [narrow if one else wide for one in slides]
    if fields.get("use_double_wide_mlp"):
        inner, shared = fields["intermediate_size"], fields["num_kv_shared_layers"]
        own = len(kinds) - shared
        found["feed_forward_length"] = [inner] * own + [2 * inner] * shared
    return found


def converted(name, value, fields):
    """Return the tensors that a stored one becomes, still under names like Hugging Face's."""
    if name.endswith((".layer_scalar", ".sinks")):
        return [(f"{name}.weight", value)]
    if ".query_key_value." in name:
        heads = value.reshape(fields["num_attention_heads"], 3, -1, *value.shape[1:])
        return [(name, np.ascontiguousarray(heads.swapaxes(0, 1).reshape(value.shape)))]
    if ".conv.conv." in name:
        return [(name, value[:, 0])]
    if ".linear_attn." in name:
        return [_of_delta(name, value, fields)]
    if fields["model_type"] == "gpt_oss" and ".experts." in name:
        return _of_experts(name, value)
    return [(name, value)]


def _of_delta(name, value, fields):
    part = name.split(".linear_attn.")[1]
    keys, size = fields["linear_num_key_heads"], fields["linear_value_head_dim"]
    each = fields["linear_num_value_heads"] // keys
    mixed = 2 * keys * fields["linear_key_head_dim"]
    if part == "conv1d.weight":
        value = value[:, 0]

    def tiled(rows, size):
        heads = rows.reshape(keys, each, size, *rows.shape[1:])
        return heads.transpose(1, 0, *range(2, heads.ndim)).reshape(rows.shape)

    if part in ("in_proj_qkv.weight", "conv1d.weight"):
        value = np.concatenate([value[:mixed], tiled(value[mixed:], size)])
    elif part == "in_proj_z.weight":
        value = tiled(value, size)
    elif part == "out_proj.weight":
        value = np.ascontiguousarray(tiled(value.T, size).T)
    elif part != "norm.weight":
        value = tiled(value, 1)
    if part == "A_log":
        value = -np.exp(value)
    return name.replace(".dt_bias", ".dt_proj.bias"), np.ascontiguousarray(value)


def _of_experts(name, value):
    bias = name.endswith("_bias")
    name, suffix = name.removesuffix("_bias"), ".bias" if bias else ".weight"
    value = value if bias else value.swapaxes(-1, -2)
    if name.endswith(".down_proj"):
        return [(name + suffix, np.ascontiguousarray(value))]
    gate, up = (value[:, start::2] for start in (0, 1))
    return [
        (name.replace("gate_up_proj", part) + suffix, np.ascontiguousarray(half))
        for part, half in (("gate_proj", gate), ("up_proj", up))
    ]
