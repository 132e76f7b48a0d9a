"""The tensor that holds each parameter, for each family."""

from __future__ import annotations

from ._parts import Part, experts_gate_up, gate_up, query_gate, query_key_value

# "{i}" stands for the layer. A name with "{e}" is one tensor for each expert; they are stacked.
Names = dict[str, str | Part]


def _pair(path: str, name: str) -> Names:
    return {f"{path}.kernel": f"{name}.weight", f"{path}.bias": f"{name}.bias"}


_BLOCK = "layers.{i}"
_STORED = "model.layers.{i}"

LLAMA: Names = {
    "embed": "model.embed_tokens.weight",
    "norm.scale": "model.norm.weight",
    "head.kernel": "lm_head.weight",
    f"{_BLOCK}.attention_norm.scale": f"{_STORED}.input_layernorm.weight",
    f"{_BLOCK}.mlp_norm.scale": f"{_STORED}.post_attention_layernorm.weight",
    **_pair(f"{_BLOCK}.attention.query", f"{_STORED}.self_attn.q_proj"),
    **_pair(f"{_BLOCK}.attention.key", f"{_STORED}.self_attn.k_proj"),
    **_pair(f"{_BLOCK}.attention.value", f"{_STORED}.self_attn.v_proj"),
    **_pair(f"{_BLOCK}.attention.out", f"{_STORED}.self_attn.o_proj"),
    **_pair(f"{_BLOCK}.mlp.gate", f"{_STORED}.mlp.gate_proj"),
    **_pair(f"{_BLOCK}.mlp.up", f"{_STORED}.mlp.up_proj"),
    **_pair(f"{_BLOCK}.mlp.down", f"{_STORED}.mlp.down_proj"),
}

QWEN3: Names = LLAMA | {
    f"{_BLOCK}.attention.query_norm.scale": f"{_STORED}.self_attn.q_norm.weight",
    f"{_BLOCK}.attention.key_norm.scale": f"{_STORED}.self_attn.k_norm.weight",
}

_DELTA = f"{_STORED}.linear_attn"
QWEN35: Names = QWEN3 | {
    **{
        f"{_BLOCK}.attention.{part}.{ours}": Part(
            f"{_STORED}.self_attn.q_proj.{theirs}",
            index,
            query_gate,
            groups=lambda config: config.heads,
        )
        for index, part in enumerate(("query", "gate"))
        for ours, theirs in (("kernel", "weight"), ("bias", "bias"))
    },
    f"{_BLOCK}.delta.inputs.kernel": f"{_DELTA}.in_proj_qkv.weight",
    f"{_BLOCK}.delta.gate.kernel": f"{_DELTA}.in_proj_z.weight",
    f"{_BLOCK}.delta.strength.kernel": f"{_DELTA}.in_proj_b.weight",
    f"{_BLOCK}.delta.step.kernel": f"{_DELTA}.in_proj_a.weight",
    f"{_BLOCK}.delta.out.kernel": f"{_DELTA}.out_proj.weight",
    f"{_BLOCK}.delta.taps": f"{_DELTA}.conv1d.weight",
    f"{_BLOCK}.delta.fade": f"{_DELTA}.A_log",
    f"{_BLOCK}.delta.step_bias": f"{_DELTA}.dt_bias",
    f"{_BLOCK}.delta.scale": f"{_DELTA}.norm.weight",
}

GEMMA2: Names = LLAMA | {
    f"{_BLOCK}.attention_post.scale": f"{_STORED}.post_attention_layernorm.weight",
    f"{_BLOCK}.mlp_norm.scale": f"{_STORED}.pre_feedforward_layernorm.weight",
    f"{_BLOCK}.mlp_post.scale": f"{_STORED}.post_feedforward_layernorm.weight",
}

GEMMA3: Names = QWEN3 | GEMMA2

GEMMA4: Names = GEMMA3 | {
    "inputs.table": "model.embed_tokens_per_layer.weight",
    "inputs.projection.kernel": "model.per_layer_model_projection.weight",
    "inputs.norm.scale": "model.per_layer_projection_norm.weight",
    f"{_BLOCK}.input.gate.kernel": f"{_STORED}.per_layer_input_gate.weight",
    f"{_BLOCK}.input.out.kernel": f"{_STORED}.per_layer_projection.weight",
    f"{_BLOCK}.input.norm.scale": f"{_STORED}.post_per_layer_input_norm.weight",
    f"{_BLOCK}.output_scale": f"{_STORED}.layer_scalar",
}

OLMO2: Names = QWEN3 | {
    f"{_BLOCK}.attention_post.scale": f"{_STORED}.post_attention_layernorm.weight",
    f"{_BLOCK}.mlp_post.scale": f"{_STORED}.post_feedforward_layernorm.weight",
}

PHI3: Names = LLAMA | {
    **{
        f"{_BLOCK}.attention.{part}.kernel": Part(
            f"{_STORED}.self_attn.qkv_proj.weight", index, query_key_value
        )
        for index, part in enumerate(("query", "key", "value"))
    },
    **{
        f"{_BLOCK}.mlp.{part}.kernel": Part(f"{_STORED}.mlp.gate_up_proj.weight", index, gate_up)
        for index, part in enumerate(("gate", "up"))
    },
}

_MIXTRAL_EXPERTS = f"{_STORED}.block_sparse_moe"
MIXTRAL: Names = LLAMA | {
    f"{_BLOCK}.experts.router.kernel": f"{_MIXTRAL_EXPERTS}.gate.weight",
    f"{_BLOCK}.experts.gate.kernel": f"{_MIXTRAL_EXPERTS}.experts.{{e}}.w1.weight",
    f"{_BLOCK}.experts.down.kernel": f"{_MIXTRAL_EXPERTS}.experts.{{e}}.w2.weight",
    f"{_BLOCK}.experts.up.kernel": f"{_MIXTRAL_EXPERTS}.experts.{{e}}.w3.weight",
}

QWEN3_MOE: Names = QWEN3 | {
    f"{_BLOCK}.experts.router.kernel": f"{_STORED}.mlp.gate.weight",
    **{
        f"{_BLOCK}.experts.{part}.kernel": f"{_STORED}.mlp.experts.{{e}}.{part}_proj.weight"
        for part in ("gate", "up", "down")
    },
}

LFM2: Names = LLAMA | {
    "norm.scale": "model.embedding_norm.weight",
    f"{_BLOCK}.attention_norm.scale": f"{_STORED}.operator_norm.weight",
    f"{_BLOCK}.mlp_norm.scale": f"{_STORED}.ffn_norm.weight",
    **_pair(f"{_BLOCK}.attention.out", f"{_STORED}.self_attn.out_proj"),
    f"{_BLOCK}.attention.query_norm.scale": f"{_STORED}.self_attn.q_layernorm.weight",
    f"{_BLOCK}.attention.key_norm.scale": f"{_STORED}.self_attn.k_layernorm.weight",
    **_pair(f"{_BLOCK}.convolution.inputs", f"{_STORED}.conv.in_proj"),
    **_pair(f"{_BLOCK}.convolution.out", f"{_STORED}.conv.out_proj"),
    f"{_BLOCK}.convolution.taps": f"{_STORED}.conv.conv.weight",
    f"{_BLOCK}.convolution.bias": f"{_STORED}.conv.conv.bias",
    **_pair(f"{_BLOCK}.mlp.gate", f"{_STORED}.feed_forward.w1"),
    **_pair(f"{_BLOCK}.mlp.down", f"{_STORED}.feed_forward.w2"),
    **_pair(f"{_BLOCK}.mlp.up", f"{_STORED}.feed_forward.w3"),
}

_OSS_MLP = f"{_STORED}.mlp"
GPT_OSS: Names = LLAMA | {
    f"{_BLOCK}.attention.sinks": f"{_STORED}.self_attn.sinks",
    **_pair(f"{_BLOCK}.experts.router", f"{_OSS_MLP}.router"),
    f"{_BLOCK}.experts.down.kernel": f"{_OSS_MLP}.experts.down_proj",
    f"{_BLOCK}.experts.down.bias": f"{_OSS_MLP}.experts.down_proj_bias",
    **{
        f"{_BLOCK}.experts.{part}.{ours}": Part(
            f"{_OSS_MLP}.experts.gate_up_proj{theirs}",
            index,
            experts_gate_up,
            groups=lambda config: experts_gate_up(config)[0],
        )
        for index, part in enumerate(("gate", "up"))
        for ours, theirs in (("kernel", ""), ("bias", "_bias"))
    },
}

_GPT2_BLOCK = "transformer.h.{i}"


def _norm(path: str, name: str) -> Names:
    return {f"{path}.scale": f"{name}.weight", f"{path}.bias": f"{name}.bias"}


GPT2: Names = {
    "embed": "transformer.wte.weight",
    "places": "transformer.wpe.weight",
    "head.kernel": "lm_head.weight",
    **_norm("norm", "transformer.ln_f"),
    **_norm(f"{_BLOCK}.attention_norm", f"{_GPT2_BLOCK}.ln_1"),
    **_norm(f"{_BLOCK}.mlp_norm", f"{_GPT2_BLOCK}.ln_2"),
    **{
        f"{_BLOCK}.attention.{part}.{ours}": Part(
            f"{_GPT2_BLOCK}.attn.c_attn.{theirs}", index, query_key_value
        )
        for index, part in enumerate(("query", "key", "value"))
        for ours, theirs in (("kernel", "weight"), ("bias", "bias"))
    },
    **_pair(f"{_BLOCK}.attention.out", f"{_GPT2_BLOCK}.attn.c_proj"),
    **_pair(f"{_BLOCK}.mlp.up", f"{_GPT2_BLOCK}.mlp.c_fc"),
    **_pair(f"{_BLOCK}.mlp.down", f"{_GPT2_BLOCK}.mlp.c_proj"),
}

_NEOX_BLOCK = "gpt_neox.layers.{i}"

GPT_NEOX: Names = {
    "embed": "gpt_neox.embed_in.weight",
    "head.kernel": "embed_out.weight",
    **_norm("norm", "gpt_neox.final_layer_norm"),
    **_norm(f"{_BLOCK}.attention_norm", f"{_NEOX_BLOCK}.input_layernorm"),
    **_norm(f"{_BLOCK}.mlp_norm", f"{_NEOX_BLOCK}.post_attention_layernorm"),
    **{
        f"{_BLOCK}.attention.{part}.{ours}": Part(
            f"{_NEOX_BLOCK}.attention.query_key_value.{theirs}",
            index,
            query_key_value,
            groups=lambda config: config.heads,
        )
        for index, part in enumerate(("query", "key", "value"))
        for ours, theirs in (("kernel", "weight"), ("bias", "bias"))
    },
    **_pair(f"{_BLOCK}.attention.out", f"{_NEOX_BLOCK}.attention.dense"),
    **_pair(f"{_BLOCK}.mlp.up", f"{_NEOX_BLOCK}.mlp.dense_h_to_4h"),
    **_pair(f"{_BLOCK}.mlp.down", f"{_NEOX_BLOCK}.mlp.dense_4h_to_h"),
}


# GGUF files hold some of these tensors in other parts, or name them as weights.
GGUF_GEMMA4: Names = {f"{_BLOCK}.output_scale": f"{_STORED}.layer_scalar.weight"}
GGUF_QWEN35: Names = {f"{_BLOCK}.delta.step_bias": f"{_DELTA}.dt_proj.bias"}
GGUF_GPT_OSS: Names = {
    f"{_BLOCK}.attention.sinks": f"{_STORED}.self_attn.sinks.weight",
    **{
        f"{_BLOCK}.experts.{part}.{ours}": f"{_OSS_MLP}.experts.{{e}}.{part}_proj.{theirs}"
        for part in ("gate", "up", "down")
        for ours, theirs in (("kernel", "weight"), ("bias", "bias"))
    },
}
GGUF_GPT_NEOX: Names = {
    key: entry._replace(groups=Part("", 0, query_key_value).groups)
    for key, entry in GPT_NEOX.items()
    if isinstance(entry, Part)
}


def key_of(path) -> str:
    """Write the tree path of a parameter as the tables do: "layers.0.mlp.up.kernel"."""
    return ".".join(str(part.key) for part in path)


def stored(names: Names, key: str) -> str | Part:
    """Return where a parameter is stored."""
    parts = key.split(".")
    if parts[0] != "layers":
        return names[key]
    entry = names[".".join(["layers", "{i}", *parts[2:]])]
    if isinstance(entry, Part):
        return entry._replace(name=entry.name.replace("{i}", parts[1]))
    return entry.replace("{i}", parts[1])
