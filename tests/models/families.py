"""Tiny folders of every family, written without torch."""

import json

import jax
import numpy as np
from safetensors.numpy import save_file

from jaxsample_models import shapes
from jaxsample_models._families import FAMILIES, read_config
from jaxsample_models._tensor_names import Third, key_of, stored

from . import reference

CASES = ["gpt2", "llama", "mistral", "qwen2-windows", "qwen3", "gemma2"]


def config_json(case):
    """Give the config.json of a case of `reference.CASES`."""
    family, fields = reference.CASES[case]
    architecture = "GPT2LMHeadModel" if family == "GPT2" else f"{family}ForCausalLM"
    return {"architectures": [architecture], **fields}


def write(case, folder):
    """Write a folder with random weights."""
    fields = config_json(case)
    family = FAMILIES[fields["architectures"][0]]
    random = np.random.default_rng(0)
    tensors = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(shapes(read_config(fields))):
        key = key_of(path)
        value = 0.3 * random.normal(size=leaf.shape).astype(np.float32)
        flipped = family.transposed and key.endswith(".kernel") or key == "head.kernel"
        value = value.T if flipped else value
        entry = stored(family.names, key)
        if isinstance(entry, Third):
            tensors.setdefault(entry.name, [None] * 3)[entry.index] = value
        else:
            tensors[entry] = value
    tensors = {
        name: np.concatenate(value, axis=-1) if isinstance(value, list) else value
        for name, value in tensors.items()
    }
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(fields))
    return folder
