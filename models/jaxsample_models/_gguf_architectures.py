"""The architectures of GGUF files: how llama.cpp stores each, and how Hugging Face describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from . import _gguf_hybrids as hybrids
from ._gguf_file import GgufFile
from ._json import short
from ._tensor_names import GGUF_GEMMA4, GGUF_GPT_NEOX, GGUF_GPT_OSS, GGUF_QWEN35, Names

Fields = Callable[[GgufFile], dict[str, Any]]


class Architecture(NamedTuple):
    """How llama.cpp stores one architecture, and how Hugging Face describes it.

    Attributes:
        name: the architecture in config.json.
        fields: reads the fields of config.json that the other architectures lack.
        interleaved: rotary positions turn neighbours in the file, halves at Hugging Face.
        norm_offset: what llama.cpp adds to the scales of norms.
        names: the tensors that are cut into parts otherwise than at Hugging Face.
    """

    name: str
    fields: Fields
    interleaved: bool = False
    norm_offset: float = 0.0
    names: Names = {}


def _renamed(**keys: str) -> Fields:
    """Read fields of config.json from the metadata that stand for them."""
    return lambda file: {ours: file.get(theirs) for ours, theirs in keys.items()}


def _gemma(largest: int, **keys: str) -> Fields:
    """Read Gemma's fields; `largest` is the number of layers of the 27B model.

    The scale of queries is not stored. As in llama.cpp, that of the 27B model is another.
    """

    def fields(file: GgufFile) -> dict[str, Any]:
        scalar = file.get("attention.key_length")
        if file.get("block_count") == largest:
            scalar = file.get("embedding_length") / file.get("attention.head_count")
        windows = _renamed(sliding_window="attention.sliding_window", **keys)
        return {"query_pre_attn_scalar": scalar, **windows(file)}

    return fields


def _qwen3_moe(file: GgufFile) -> dict[str, Any]:
    fields = _renamed(
        num_experts="expert_count",
        num_experts_per_tok="expert_used_count",
        moe_intermediate_size="expert_feed_forward_length",
    )
    return {"norm_topk_prob": True, **fields(file)}  # llama.cpp always does


def _gpt_oss(file: GgufFile) -> dict[str, Any]:
    fields = _renamed(
        num_local_experts="expert_count",
        num_experts_per_tok="expert_used_count",
        sliding_window="attention.sliding_window",
    )
    # The file does not say so, but the models that OpenAI published do.
    return {"rope_parameters": {"truncate": False}, **fields(file)}


def _olmo2(file: GgufFile) -> dict[str, Any]:
    if not file.get("attention.sliding_window"):
        return {}
    fields = _renamed(
        sliding_window="attention.sliding_window", rope_local_base_freq="rope.freq_base_swa"
    )
    return {"architectures": ["Olmo3ForCausalLM"], **fields(file)}  # stored as an OLMo 2


ARCHITECTURES = {
    "llama": Architecture("LlamaForCausalLM", _renamed(), interleaved=True),
    "llama with experts": Architecture(
        "MixtralForCausalLM",
        _renamed(num_local_experts="expert_count", num_experts_per_tok="expert_used_count"),
        interleaved=True,
    ),
    "qwen2": Architecture("Qwen2ForCausalLM", _renamed()),
    "qwen3": Architecture("Qwen3ForCausalLM", _renamed()),
    "qwen3moe with experts": Architecture("Qwen3MoeForCausalLM", _qwen3_moe),
    "gemma2": Architecture(
        "Gemma2ForCausalLM",
        _gemma(
            46,
            attn_logit_softcapping="attn_logit_softcapping",
            final_logit_softcapping="final_logit_softcapping",
        ),
        norm_offset=1.0,
    ),
    "gemma3": Architecture(
        "Gemma3ForCausalLM",
        _gemma(
            62,
            sliding_window_pattern="attention.sliding_window_pattern",
            rope_local_base_freq="rope.freq_base_swa",
        ),
        norm_offset=1.0,
    ),
    "smollm3": Architecture("SmolLM3ForCausalLM", _renamed(), interleaved=True),
    "granite": Architecture(
        "GraniteForCausalLM",
        _renamed(
            attention_multiplier="attention.scale",
            embedding_multiplier="embedding_scale",
            residual_multiplier="residual_scale",
            logits_scaling="logit_scale",
        ),
        interleaved=True,
    ),
    "olmo2": Architecture("Olmo2ForCausalLM", _olmo2),
    "gemma4": Architecture("Gemma4ForCausalLM", hybrids.gemma4, names=GGUF_GEMMA4),
    "lfm2": Architecture("Lfm2ForCausalLM", hybrids.lfm2),
    "qwen35": Architecture(
        "Qwen3_5ForCausalLM", hybrids.qwen35, norm_offset=1.0, names=GGUF_QWEN35
    ),
    "gpt-oss with experts": Architecture(
        "GptOssForCausalLM",
        _gpt_oss,
        names=GGUF_GPT_OSS,
    ),
    "mistral3": Architecture("Ministral3ForCausalLM", _renamed(), interleaved=True),
    "gptneox": Architecture(
        "GPTNeoXForCausalLM",
        _renamed(
            layer_norm_eps="attention.layer_norm_epsilon",
            use_parallel_residual="use_parallel_residual",
        ),
        names=GGUF_GPT_NEOX,
    ),
    "phi3": Architecture("Phi3ForCausalLM", _renamed(sliding_window="attention.sliding_window")),
    "gpt2": Architecture(
        "GPT2LMHeadModel",
        _renamed(
            n_embd="embedding_length",
            n_layer="block_count",
            n_head="attention.head_count",
            n_positions="context_length",
            n_inner="feed_forward_length",
            layer_norm_epsilon="attention.layer_norm_epsilon",
        ),
    ),
}


def architecture_of(metadata: Mapping[str, Any]) -> Architecture:
    """Find the architecture that the metadata name.

    Raises:
        ValueError: it is not supported.
    """
    name = metadata.get("general.architecture")
    if metadata.get(f"{name}.expert_count"):
        name = f"{name} with experts"
    if name not in ARCHITECTURES:
        raise ValueError(
            f"architecture {short(name)} of a GGUF file is not supported; supported are "
            f"{', '.join(ARCHITECTURES)}"
        )
    return ARCHITECTURES[name]
