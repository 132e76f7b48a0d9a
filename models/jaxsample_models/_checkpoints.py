"""Model folders in the Hugging Face layout, and the story model that comes with the package."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, NamedTuple

from jaxsample import Model

from ._config import TransformerConfig
from ._errors import CheckpointError
from ._families import Family, family_of, need, read_config
from ._json import read_json
from ._parameters import read_params
from ._schema import CONFIG, SPECIAL_TOKENS
from ._tensors import Tensors
from ._tokenizer_files import read_texts
from ._transformer import Params, as_model


class Checkpoint(NamedTuple):
    """A loaded model.

    Attributes:
        model: the model, as `jaxsample.generate` takes it.
        params: its parameters, a nested dict of arrays.
        tokenizer: a `tokenizers.Tokenizer`, or None if the folder has no tokenizer.json.
        config: the configuration of the transformer.
        generation_config: the contents of generation_config.json. Special tokens that are absent
            or null there come from config.json.
        chat_template: the Jinja template that writes a conversation as one prompt, or None.
        special_tokens: the texts of special tokens that templates use, such as
            {"bos_token": "<s>", "eos_token": "</s>"}.

    >>> checkpoint = embedded()
    >>> checkpoint.tokenizer.token_to_id("</s>") == checkpoint.generation_config["eos_token_id"]
    True
    """

    model: Model
    params: Params
    tokenizer: Any
    config: TransformerConfig
    generation_config: dict[str, Any]
    chat_template: str | None = None
    special_tokens: dict[str, str] = {}


def load(path: str | pathlib.Path, dtype: str = "float32") -> Checkpoint:
    """Load a model from a folder in the Hugging Face layout.

    Reads config.json, model.safetensors (or the shards that model.safetensors.index.json lists),
    generation_config.json, tokenizer.json and the chat template. It never opens a pickle.

    Args:
        path: the folder.
        dtype: "float32" or "bfloat16", for the parameters, the cache and the computation.

    Raises:
        CheckpointError: a file is missing, damaged or not supported.
        ImportError: safetensors or tokenizers is not installed.
        ValueError: another `dtype`.

    >>> load("no/such/folder")
    Traceback (most recent call last):
    jaxsample_models.CheckpointError: no/such/folder: no such folder; give the folder that holds
    config.json
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder; give the folder that holds config.json")
    json = read_json(folder / "config.json", CONFIG)
    if json is None:
        raise CheckpointError(f"{folder}: there is no config.json; it is not a model folder")
    generation = read_json(folder / "generation_config.json", SPECIAL_TOKENS) or {}
    special = {key: json[key] for key in SPECIAL_TOKENS if key in json}
    with Tensors(folder) as tensors:
        config, family = _read_config(folder / "config.json", json, tensors)
        config = dataclasses.replace(config, dtype=dtype)
        params = read_params(tensors, family, config)
    texts = read_texts(folder)
    return Checkpoint(
        as_model(config),
        params,
        texts.tokenizer,
        config,
        special | generation,
        texts.chat_template,
        texts.special_tokens,
    )


def embedded() -> Checkpoint:
    """Load the story model that comes with the package; needs no network.

    Raises:
        CheckpointError: this installation has no story model.

    >>> model, params, tokenizer, config, *_ = embedded()
    >>> prompts = jnp.array([tokenizer.encode("A funny story. Once upon a").ids])
    >>> out = jaxsample.generate(jax.random.key(0), model, params, prompts, jaxsample.TopK(1),
    ...                          max_new_tokens=1)
    >>> tokenizer.decode(out.tokens[0].tolist())
    'time'
    """
    if not _STORIES.is_dir():
        raise CheckpointError(
            f"{_STORIES}: this installation has no story model; install jaxsample again, or load "
            f"a model of your own with `load`"
        )
    return load(_STORIES)


_STORIES = pathlib.Path(__file__).parent / "stories" / "weights"


def _read_config(
    file: pathlib.Path, json: dict[str, Any], tensors: Tensors
) -> tuple[TransformerConfig, Family]:
    try:
        family = family_of(json)
        layers, found = need(json, family.layers), tensors.layers
        # Compare first: `read_config` makes a list with an entry for each layer.
        if layers != found:
            raise ValueError(
                f"`{family.layers}` is {layers}, but the safetensors files hold {found} layers; "
                f"check that they belong together"
            )
        return read_config(json), family
    except ValueError as error:
        raise CheckpointError(f"{file}: {error}") from error
