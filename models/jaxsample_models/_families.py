"""The model families: how each one's `config.json` and tensors are read."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, NamedTuple

from . import _readers_experts as experts
from . import _readers_gemma as gemma
from . import _readers_gpt as gpt
from . import _readers_llama as llama
from . import _tensor_names as names
from ._config import TransformerConfig
from ._fields import Json, need, reject
from ._json import short

__all__ = ["FAMILIES", "Family", "family_of", "need", "read_config"]


class Family(NamedTuple):
    """How one architecture is read.

    Attributes:
        model_type: its name where `config.json` has no `architectures`.
        read: turns `config.json` into the fields of a `TransformerConfig`.
        names: the stored tensor of each parameter.
        layers: the field with the number of layers.
        transposed: kernels are stored `[outputs, inputs]`, as torch's Linear does.
        prefix: the beginning of tensor names that older folders leave out.
    """

    model_type: str
    read: Callable[[Json], dict[str, Any]]
    names: names.Names
    layers: str = "num_hidden_layers"
    transposed: bool = True
    prefix: str = "model."


FAMILIES = {
    "LlamaForCausalLM": Family("llama", llama.llama, names.LLAMA),
    "MistralForCausalLM": Family("mistral", llama.mistral, names.LLAMA),
    "Ministral3ForCausalLM": Family("ministral3", llama.ministral3, names.LLAMA),
    "Qwen2ForCausalLM": Family("qwen2", llama.qwen2, names.LLAMA),
    "Qwen3ForCausalLM": Family("qwen3", llama.qwen3, names.QWEN3),
    "Qwen3_5ForCausalLM": Family("qwen3_5_text", llama.qwen35, names.QWEN35),
    "SmolLM3ForCausalLM": Family("smollm3", llama.smollm3, names.LLAMA),
    "GraniteForCausalLM": Family("granite", llama.granite, names.LLAMA),
    "Olmo2ForCausalLM": Family("olmo2", llama.olmo2, names.OLMO2),
    "Olmo3ForCausalLM": Family("olmo3", llama.olmo3, names.OLMO2),
    "Phi3ForCausalLM": Family("phi3", llama.phi3, names.PHI3),
    "Gemma2ForCausalLM": Family("gemma2", gemma.gemma2, names.GEMMA2),
    "Gemma3ForCausalLM": Family("gemma3_text", gemma.gemma3, names.GEMMA3),
    "Gemma4ForCausalLM": Family("gemma4_text", gemma.gemma4, names.GEMMA4),
    "Lfm2ForCausalLM": Family("lfm2", llama.lfm2, names.LFM2),
    "MixtralForCausalLM": Family("mixtral", experts.mixtral, names.MIXTRAL),
    "Qwen3MoeForCausalLM": Family("qwen3_moe", experts.qwen3_moe, names.QWEN3_MOE),
    "GptOssForCausalLM": Family("gpt_oss", experts.gpt_oss, names.GPT_OSS),
    "GPT2LMHeadModel": Family(
        "gpt2", gpt.gpt2, names.GPT2, layers="n_layer", transposed=False, prefix="transformer."
    ),
    "GPTNeoXForCausalLM": Family("gpt_neox", gpt.gpt_neox, names.GPT_NEOX, prefix="gpt_neox."),
}
_BY_MODEL_TYPE = {family.model_type: family for family in FAMILIES.values()}


def family_of(json: Json) -> Family:
    """Find the family that a `config.json` names: by `architectures`, else by `model_type`.

    Raises:
        ValueError: the family is not supported; the message names the nearest that is.
    """
    found = json.get("architectures", [])
    kind = json.get("model_type", "")
    for architecture in found:
        if architecture in FAMILIES:
            return FAMILIES[architecture]
    if not found and kind in _BY_MODEL_TYPE:
        return _BY_MODEL_TYPE[kind]
    if not found and not kind:
        raise ValueError(
            "`architectures` and `model_type` are both missing, so nothing says how to read the "
            'model; download the file again, or add one of them, such as "model_type": "llama"'
        )
    key, named, known = "architectures", found, list(FAMILIES)
    if not found:
        key, named, known = "model_type", kind, list(_BY_MODEL_TYPE)
    wanted = str(found[0] if found else kind)
    nearest = difflib.get_close_matches(wanted, known, n=1, cutoff=0.0)[0]
    raise ValueError(
        f"`{key}` is {short(named)}, which is not supported; the nearest supported one is "
        f"{nearest!r}; docs/models.md lists them all and shows how to bring your own model"
    )


def read_config(json: Json) -> TransformerConfig:
    """Turn the contents of `config.json` into a `TransformerConfig`.

    Raises:
        ValueError: a field is missing, or has a value that is not supported.
    """
    if json.get("quantization_config"):
        reject("quantization_config", json["quantization_config"], "none: dequantize first")
    return TransformerConfig(**family_of(json).read(json))
