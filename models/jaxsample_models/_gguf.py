"""GGUF files, presented as the model folders that Hugging Face would have."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._errors import CheckpointError
from ._gguf_architectures import architecture_of
from ._gguf_config import config_json
from ._gguf_file import DIVISORS, GgufFile
from ._gguf_tensors import GgufTensors, dequantize
from ._gguf_tokenizer import read_tokenizer
from ._json import checked
from ._pointers import refuse_pointer
from ._schema import CONFIG, SPECIAL_TOKENS
from ._sources import Stored
from ._tokenizer_files import Texts

# The ends of a turn in chats, which files name beside the end of a text or not at all.
_TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<turn|>")
_CONTROL = 3


def read_gguf(file: pathlib.Path) -> Stored:
    """Open a GGUF file; its tensors are not read yet.

    Raises:
        CheckpointError: the file is damaged, or its model is not supported.
        ImportError: gguf or tokenizers is not installed.
    """
    reader = _open(file)
    metadata = _without_unused({key: _plain(field) for key, field in reader.fields.items()})
    reader.fields.clear()  # an array for each entry of each list
    stored = {tensor.name: tensor for tensor in reader.tensors}
    if metadata.get("split.count", 1) > 1:
        raise CheckpointError(
            f"{file}: one of {metadata['split.count']} files; join them first: llama-gguf-split "
            f"--merge FIRST OUT"
        )
    try:
        divisors = {name: stored[name] for name in DIVISORS if name in stored}
        divisors = {name: dequantize(t.data, t.tensor_type) for name, t in divisors.items()}
        embed = stored.get("token_embd.weight")
        rows = 0 if embed is None else int(embed.shape[-1])
        architecture = architecture_of(metadata)
        fields = config_json(GgufFile(metadata, rows, stored, divisors))
    except ValueError as error:
        raise CheckpointError(f"{file}: {error}") from error
    json = checked(file, {key: value for key, value in fields.items() if value is not None}, CONFIG)
    tensors = GgufTensors(file, stored, metadata["general.architecture"], architecture, json)
    ids = checked(file, _special_ids(metadata), SPECIAL_TOKENS)
    texts = functools.partial(_texts, file, metadata)
    return Stored(file, json, ids, texts, tensors, outputs_first=True, names=architecture.names)


def _open(file: pathlib.Path):
    refuse_pointer(file)
    with open(file, "rb") as opened:
        if opened.read(4) != b"GGUF":
            if file.suffix in (".safetensors", ".json"):
                raise CheckpointError(
                    f"{file}: one file of a model folder; give the folder, {file.parent}"
                )
            raise CheckpointError(
                f"{file}: not a GGUF file; give one, or the folder that holds config.json"
            )
    try:
        import gguf
    except ImportError as error:
        raise ImportError("GGUF files need gguf: pip install 'jaxsample[gguf]'") from error
    try:
        return gguf.GGUFReader(file)
    except Exception as error:
        raise CheckpointError(
            f"{file}: not a whole GGUF file ({error}); download it again"
        ) from error


def _plain(field: Any) -> Any:
    """Return a value of the metadata; a float32 as the shortest decimal that stands for it."""
    value = field.contents()
    single = isinstance(value, float) and field.parts[-1].dtype == np.float32
    return float(str(np.float32(value))) if single else value


def _without_unused(metadata: dict[str, Any]) -> dict[str, Any]:
    """Drop special tokens outside of the vocabulary: writers mark one that is not used so."""
    size = len(metadata.get("tokenizer.ggml.tokens", []))
    return {
        key: value
        for key, value in metadata.items()
        if not (size and key.endswith("_token_id") and not 0 <= value < size)
    }


def _special_ids(metadata: Mapping[str, Any]) -> dict[str, Any]:
    def get(name: str) -> Any:
        return metadata.get(f"tokenizer.ggml.{name}_token_id")

    tokens, kinds = (metadata.get(f"tokenizer.ggml.{key}", []) for key in ("tokens", "token_type"))
    turns = [
        i
        for i, (token, kind) in enumerate(zip(tokens, kinds, strict=False))
        if kind == _CONTROL and token in _TURN_ENDS
    ]
    ends = [get("eos"), get("eot"), *turns]
    ends = list(dict.fromkeys(end for end in ends if end is not None))
    return {
        "bos_token_id": get("bos"),
        "eos_token_id": ends[0] if len(ends) == 1 else ends or None,
        "pad_token_id": get("padding"),
    }


def _texts(file: pathlib.Path, metadata: Mapping[str, Any]) -> Texts:
    try:
        tokenizer = read_tokenizer(metadata)
    except ImportError:
        raise
    except Exception as error:
        raise CheckpointError(f"{file}: its tokenizer is not supported ({error})") from error
    tokens = metadata.get("tokenizer.ggml.tokens", [])
    named = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    ids = {ours: metadata.get(f"tokenizer.ggml.{name}_token_id") for ours, name in named.items()}
    special = {f"{name}_token": tokens[i] for name, i in ids.items() if i is not None and tokens}
    return Texts(tokenizer, metadata.get("tokenizer.chat_template"), special)
