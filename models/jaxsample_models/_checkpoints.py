"""Read Hugging Face folders: safetensors only, and one clear error for each thing amiss."""

from __future__ import annotations

import json as jsonlib
import pathlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import Model

from ._config import TransformerConfig
from ._errors import CheckpointError
from ._families import Family, family_of, read_config
from ._names import Third, key_of, stored
from ._tensors import Tensors
from ._transformer import Params, as_model, shapes


class Checkpoint(NamedTuple):
    """A loaded model.

    Attributes:
        model: what `jaxsample.generate` takes.
        params: its parameters, a nested dict of arrays.
        tokenizer: a `tokenizers.Tokenizer`, or None where the folder has no tokenizer.json.
        config: the shape of the transformer.
        generation_config: the contents of generation_config.json; the ids of the special tokens
            come from config.json where it does not say.

    >>> checkpoint = embedded()
    >>> checkpoint.tokenizer.token_to_id("</s>") == checkpoint.generation_config["eos_token_id"]
    True
    """

    model: Model
    params: Params
    tokenizer: Any
    config: TransformerConfig
    generation_config: dict[str, Any]


def load(path: str | pathlib.Path, dtype: str = "float32") -> Checkpoint:
    """Load a model from a folder in the Hugging Face layout.

    Reads config.json, model.safetensors (or the shards model.safetensors.index.json lists),
    generation_config.json and tokenizer.json. Pickles are never opened.

    Args:
        path: the folder.
        dtype: "float32" or "bfloat16", of the parameters, the cache and the compute.

    Raises:
        CheckpointError: the folder, its config or a tensor is not what it should be.
        ImportError: safetensors or tokenizers is not installed.

    >>> load("no/such/folder")
    Traceback (most recent call last):
    jaxsample_models._errors.CheckpointError: no/such/folder: no such folder; give the folder that
    holds config.json
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder; give the folder that holds config.json")
    json = _read_json(folder / "config.json")
    if json is None:
        raise CheckpointError(f"{folder}: there is no config.json; it is not a model folder")
    config, family = read_config(json, dtype), family_of(json)
    with Tensors(folder) as tensors:
        params = _assemble(tensors, family, config)
    special = {key: json[key] for key in _SPECIAL if json.get(key) is not None}
    generation = special | (_read_json(folder / "generation_config.json") or {})
    return Checkpoint(as_model(config), params, _tokenizer(folder), config, generation)


def embedded() -> Checkpoint:
    """Load the story model that comes with the package; needs no network.

    Raises:
        CheckpointError: this installation has no story model.

    >>> model, params, tokenizer, config, extra = embedded()
    >>> prompts = jnp.array([tokenizer.encode("A funny story. Once upon a").ids])
    >>> out = jaxsample.generate(jax.random.key(0), model, params, prompts, jaxsample.TopK(1),
    ...                          max_new_tokens=1)
    >>> tokenizer.decode(out.tokens[0].tolist())
    'time'
    """
    if not _STORIES.is_dir():
        raise CheckpointError("this installation has no story model; train one, or use `load`")
    return load(_STORIES)


_STORIES = pathlib.Path(__file__).parent / "stories" / "weights"
_SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id")


def _assemble(tensors: Tensors, family: Family, config: TransformerConfig) -> Params:
    used = set()

    def read(path, shape) -> jax.Array:
        key = key_of(path)
        entry = stored(family.names, key)
        name = entry.name if isinstance(entry, Third) else entry
        if name not in tensors and name.removeprefix(family.prefix) in tensors:
            name = name.removeprefix(family.prefix)
        used.add(name)
        flip = family.transposed and key.endswith(".kernel") or key == "head.kernel"
        expected = shape.shape[::-1] if flip else shape.shape
        if isinstance(entry, Third):
            expected = (*expected[:-1], 3 * expected[-1])
        value = tensors.read(name, expected)
        if isinstance(entry, Third):
            value = np.split(value, 3, axis=-1)[entry.index]
        return jnp.asarray((value.T if flip else value).astype(shape.dtype))

    params = jax.tree_util.tree_map_with_path(read, shapes(config))
    left = [name for name in tensors.names if name not in used and not name.endswith(_BUFFERS)]
    if config.tied:
        left = [name for name in left if name != "lm_head.weight"]
    if left:
        raise CheckpointError(
            f"{tensors.folder}: tensor `{left[0]}` (of {len(left)} like it) has no place in a "
            f"model of this config.json; check that the two belong together"
        )
    return params


# Buffers that older versions stored beside the parameters; they follow from the config.
_BUFFERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")


def _tokenizer(folder: pathlib.Path):
    file = folder / "tokenizer.json"
    if not file.is_file():
        return None
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            "reading tokenizer.json needs tokenizers: pip install 'jaxsample[models]'"
        ) from error
    try:
        return tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:
        raise CheckpointError(f"{file}: not a tokenizer ({error}); download it again") from error


def _read_json(file: pathlib.Path) -> dict[str, Any] | None:
    if not file.is_file():
        return None
    try:
        value = jsonlib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{file}: not JSON ({error}); download it again") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{file}: should hold an object, found {type(value).__name__}")
    return value
