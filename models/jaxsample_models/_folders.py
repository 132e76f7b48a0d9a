"""Model folders in the Hugging Face layout."""

from __future__ import annotations

import functools
import pathlib

from ._errors import CheckpointError
from ._fields import text_fields
from ._json import read_json
from ._named import NAMED
from ._schema import CONFIG, SPECIAL_TOKENS
from ._sources import Stored
from ._tensors import Tensors
from ._tokenizer_files import read_texts


def read_folder(folder: pathlib.Path) -> Stored:
    """Open a folder; its tensors are not read yet.

    Raises:
        CheckpointError: a file is missing, damaged or not supported.
        ImportError: safetensors or tokenizers is not installed.
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"{folder}: no such folder or file; give the folder that holds config.json, a GGUF "
            f"file, or one of the names {', '.join(NAMED)}"
        )
    file = folder / "config.json"
    json = read_json(file, CONFIG)
    if json is None:
        found = sorted(folder.glob("*.gguf"))
        raise CheckpointError(
            f"{folder}: there is no config.json; "
            + (f"give the file {found[0]}" if found else "it is not a model folder")
        )
    generation = read_json(folder / "generation_config.json", SPECIAL_TOKENS) or {}
    special = {key: json[key] for key in SPECIAL_TOKENS if key in json}
    parts = "text_config" in json
    if parts:
        json = text_fields(json)
    texts = functools.partial(read_texts, folder)
    return Stored(file, json, special | generation, texts, Tensors(folder, text=parts))
