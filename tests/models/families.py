"""Tiny folders of every family, written without torch, and their logits by transformers.

`python -m tests.models.families` computes the logits again. It needs torch and transformers.
"""

import json
import pathlib
import tempfile

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxsample_models import shapes
from jaxsample_models._families import FAMILIES, read_config
from jaxsample_models._parts import Part
from jaxsample_models._tensor_names import key_of, stored

from . import reference

CASES = [
    "gpt2",
    "llama-llama3",
    "mistral",
    "qwen2-windows",
    "qwen3",
    "gemma2",
    "gemma3",
    "gemma4",
    "gemma4-shared",
    "smollm3",
    "granite",
    "olmo2",
    "olmo3",
    "phi3",
    "ministral3",
    "gpt_neox",
    "lfm2",
    "qwen3_5",
    "mixtral",
    "qwen3_moe",
    "gpt_oss",
]
NAMED_OTHERWISE = {
    "GPT2": "GPT2LMHeadModel",
    "Gemma3Text": "Gemma3ForCausalLM",
    "Gemma4Text": "Gemma4ForCausalLM",
    "Qwen3_5Text": "Qwen3_5ForCausalLM",
}
# Families whose laws another one holds by default.
FULL = (
    "gemma4",
    "mistral",
    "smollm3",
    "granite",
    "olmo2",
    "olmo3",
    "lfm2",
    "qwen3_5",
    "mixtral",
    "gpt_oss",
    "qwen3_moe",
)
LOGITS = pathlib.Path(__file__).parent / "families.npz"


def swept(quick=None):
    """Return all cases for `parametrize`, by default in `make test` those not in `FULL`."""
    quick = [case for case in CASES if case not in FULL] if quick is None else quick
    return [pytest.param(case, marks=() if case in quick else pytest.mark.full) for case in CASES]


def config_json(case):
    """Return the config.json of a case of `reference.CASES`: two layers, four where some share."""
    family, fields = reference.CASES[case]
    name = NAMED_OTHERWISE.get(family, f"{family}ForCausalLM")
    json = {"architectures": [name], "model_type": FAMILIES[name].model_type, **fields}
    layers = 4 if fields.get("num_kv_shared_layers") else 2
    if "layer_types" in fields:
        json["layer_types"] = fields["layer_types"][:layers]
    return json | {FAMILIES[name].layers: layers}


def rows():
    """Return two rows of 11 and 8 tokens, which exceed the sliding windows."""
    random = np.random.default_rng(1)
    return [random.integers(0, 61, length) for length in (11, 8)]


def write(case, folder):
    """Write a folder with random weights and return it."""
    fields = config_json(case)
    family = FAMILIES[fields["architectures"][0]]
    config = read_config(fields)
    random = np.random.default_rng(0)
    tensors = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(shapes(config)):
        key = key_of(path)
        value = 0.3 * random.normal(size=leaf.shape).astype(np.float32)
        entry = stored(family.names, key)
        if isinstance(entry, Part):
            whole = np.zeros(entry.whole(value.shape, config), np.float32)
            whole = tensors.setdefault(entry.name, (key, whole))[1]
            whole[..., entry.columns(config)] = value
        elif "{e}" in entry:
            tensors |= {entry.replace("{e}", str(e)): (key, one) for e, one in enumerate(value)}
        else:
            tensors[entry] = (key, value)
    tensors = {
        name: np.ascontiguousarray(value.swapaxes(-1, -2) if flipped(family, key, name) else value)
        for name, (key, value) in tensors.items()
    }
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(fields))
    return folder


def flipped(family, key, name):
    """Tell whether the tensor of a parameter is stored `[outputs, inputs]`."""
    linear = family.transposed and key.endswith(".kernel") and name.endswith(".weight")
    return linear or key == "head.kernel"


def logits_of_transformers(case):
    """Compute the logits of both rows, concatenated to `[11 + 8, V]`."""
    hub = reference.transformers()
    with tempfile.TemporaryDirectory() as folder:
        write(case, pathlib.Path(folder))
        model = hub.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    return np.concatenate([reference.logits_alone(model.eval(), row) for row in rows()])


if __name__ == "__main__":
    np.savez_compressed(LOGITS, **{case: logits_of_transformers(case) for case in CASES})
