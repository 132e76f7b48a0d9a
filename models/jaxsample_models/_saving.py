"""Writing of models as Hugging Face folders of the Llama family."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._config import RopeScaling, TransformerConfig
from ._errors import CheckpointError
from ._families import FAMILIES, read_config
from ._tensor_names import key_of, stored
from ._tensors import write
from ._transformer import Params, shapes


def save(
    path: str | pathlib.Path,
    config: TransformerConfig,
    params: Params,
    *,
    dtype: str = "float16",
    tokenizer: Any = None,
    generation_config: Mapping[str, Any] | None = None,
) -> None:
    """Write a model as a Hugging Face folder of the Llama family, which `load` reads.

    In a run of several processes the first alone writes.

    Args:
        path: the folder; created if it does not exist.
        config: the configuration of the transformer.
        params: its parameters.
        dtype: "float32", "float16" or "bfloat16", for the stored tensors.
        tokenizer: a `tokenizers.Tokenizer` to store in tokenizer.json.
        generation_config: the contents of generation_config.json.

    Raises:
        CheckpointError: Llama lacks a feature of `config`, or `params` do not fit `config`.
        ImportError: safetensors is not installed.

    >>> import tempfile
    >>> from jaxsample_models import embedded, load
    >>> _, params, _, config, *_ = embedded()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(folder, config, params)
    ...     load(folder).config == config
    True
    """
    if dtype not in ("float32", "float16", "bfloat16"):
        raise CheckpointError(f"`dtype` must be float32, float16 or bfloat16, got {dtype!r}")
    fields = _llama_json(config) | {"torch_dtype": dtype}
    names, given = FAMILIES["LlamaForCausalLM"].names, dict(_leaves(params))
    tensors = {}
    for key, shape in _leaves(shapes(config)):
        if key not in given or given[key].shape != shape.shape:
            found = given[key].shape if key in given else "nothing"
            raise CheckpointError(f"params: `{key}` should be {shape.shape}, found {found}")
        value = np.asarray(given[key]).astype(jnp.dtype(dtype))
        laid = value.T if key.endswith(".kernel") else value
        tensors[str(stored(names, key))] = np.ascontiguousarray(laid)
    if jax.process_index() != 0:
        return
    folder = pathlib.Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "config.json", fields)
    if generation_config is not None:
        _write_json(folder / "generation_config.json", dict(generation_config))
    if tokenizer is not None:
        tokenizer.save(str(folder / "tokenizer.json"))
    write(folder / "model.safetensors", tensors)


def _llama_json(config: TransformerConfig) -> dict[str, Any]:
    fields = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "hidden_size": config.dim,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.mlp_dim,
        "max_position_embeddings": config.max_length,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        **_rope_json(config.rope_scaling),
        "hidden_act": "gelu_pytorch_tanh"
        if config.activation == "gelu_tanh"
        else config.activation,
        "attention_bias": config.qkv_bias,
        "mlp_bias": config.mlp_bias,
        "tie_word_embeddings": config.tied,
    }
    back = dataclasses.replace(read_config(fields), dtype=config.dtype)
    lost = [key for key, value in vars(config).items() if value != getattr(back, key)]
    if lost:
        raise CheckpointError(f"a Llama folder cannot hold this config: `{'`, `'.join(lost)}`")
    return fields


def _rope_json(scaling: RopeScaling | None) -> dict[str, Any]:
    if scaling is None:
        return {}
    if scaling.kind not in ("linear", "llama3"):
        raise CheckpointError(
            f"a Llama folder cannot hold this config: `rope_scaling` of kind {scaling.kind!r}"
        )
    fields: dict[str, Any] = {"rope_type": scaling.kind, "factor": scaling.factor}
    if scaling.kind == "llama3":
        fields |= {
            "low_freq_factor": scaling.low,
            "high_freq_factor": scaling.high,
            "original_max_position_embeddings": scaling.original,
        }
    return {"rope_scaling": fields}


def _leaves(tree):
    return [(key_of(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]


def _write_json(file: pathlib.Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
