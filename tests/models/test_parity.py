"""Each family against transformers, over a ragged prefill and 32 cached steps."""

import copy
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample_models import load

from . import families, reference
from .decoding import run

pytestmark = pytest.mark.peers
LENGTHS, STEPS = np.array([12, 5, 9]), 32
TOLERANCE = 2e-4


@functools.cache
def model_of(case):
    return reference.build(case)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write each case once and return its folder."""

    @functools.cache
    def write(case):
        return reference.store(model_of(case), tmp_path_factory.mktemp(case))

    return write


@functools.cache
def rows():
    """Return the tokens of each row, and the prompts as one padded batch."""
    random = np.random.default_rng(0)
    every = [random.integers(0, 61, length + STEPS) for length in LENGTHS]
    prompts = np.zeros((3, LENGTHS.max()), np.int32)
    for b, row in enumerate(every):
        prompts[b, : LENGTHS[b]] = row[: LENGTHS[b]]
    return every, prompts


def largest_difference(checkpoint, case):
    every, prompts = rows()
    rest = np.stack([row[-STEPS:] for row in every])
    first, steps = run(checkpoint, prompts, rest, LENGTHS)
    differences = []
    for b, row in enumerate(every):
        ours = np.concatenate([first[b, : LENGTHS[b]], steps[b]])
        differences.append(np.abs(ours - reference.logits_alone(model_of(case), row)).max())
    return max(differences)


@pytest.mark.parametrize("case", reference.CASES)
def test_logits_equal_transformers(case, folder):
    assert largest_difference(load(folder(case)), case) <= TOLERANCE


def test_dynamic_rope_in_a_cache_beyond_the_original_length(tmp_path, monkeypatch):
    """The length of the cache decides, so only a row as long as it equals transformers' row."""
    rope = {"rope_type": "dynamic", "rope_theta": 500.0, "factor": 2.0}
    fields = reference.SIZES | {"rope_parameters": rope, "max_position_embeddings": 24}
    monkeypatch.setitem(reference.CASES, "dynamic", ("Llama", fields))
    model = reference.build("dynamic")
    checkpoint = load(reference.store(model, tmp_path))
    row = rows()[0][0]
    first, steps = run(checkpoint, row[None, :-STEPS], row[None, -STEPS:], LENGTHS[:1])
    ours = np.concatenate([first[0], steps[0]])
    assert np.abs(ours - reference.logits_alone(model, row)).max() <= TOLERANCE
    short = row[:20]
    first, _ = run(checkpoint, short[None], short[None, -4:], np.array([20]))
    assert np.abs(first[0] - reference.logits_alone(model, short)).max() <= TOLERANCE


@pytest.mark.parametrize("case", families.CASES)
def test_stored_logits_are_those_of_transformers(case):
    expected = np.load(families.LOGITS)[case]
    np.testing.assert_allclose(families.logits_of_transformers(case), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("case", ["llama", "gpt2", "gemma2"])
def test_bfloat16_stays_close(case, folder):
    every, _ = rows()
    checkpoint = load(folder(case), dtype="bfloat16")
    assert {leaf.dtype for leaf in jax.tree.leaves(checkpoint.params)} == {jnp.dtype("bfloat16")}
    tokens = every[0][None]
    cache = checkpoint.model.init_cache(1, tokens.shape[1])
    assert {leaf.dtype for leaf in jax.tree.leaves(cache)} == {jnp.dtype("bfloat16")}
    positions = jnp.arange(tokens.shape[1])[None]
    out = jax.jit(checkpoint.model.apply)(checkpoint.params, tokens, positions, cache)
    logits = checkpoint.model.unembed(checkpoint.params, out.hidden)
    assert out.hidden.dtype == jnp.dtype("bfloat16") and logits.dtype == jnp.float32
    expected = reference.logits_alone(model_of(case), every[0])
    assert np.corrcoef(np.ravel(logits[0]), np.ravel(expected))[0, 1] > 0.999


@pytest.mark.parametrize("case", ["llama", "gpt2"])
def test_shards(case, tmp_path):
    reference.store(model_of(case), tmp_path, max_shard_size="20KB")
    assert not (tmp_path / "model.safetensors").exists()
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    assert largest_difference(load(tmp_path), case) <= TOLERANCE


@pytest.mark.parametrize("stored", ["bfloat16", "float16"])
def test_stored_halves_are_read_exactly(stored, tmp_path):
    whole = reference.build("qwen2")  # skips if torch is not installed
    import torch

    half = copy.deepcopy(whole).to(getattr(torch, stored))
    reference.store(half, tmp_path)
    whole.load_state_dict(half.state_dict())
    every, _ = rows()
    checkpoint = load(tmp_path)
    tokens = every[0][None]
    positions = jnp.arange(tokens.shape[1])[None]
    cache = checkpoint.model.init_cache(1, tokens.shape[1])
    out = checkpoint.model.apply(checkpoint.params, tokens, positions, cache)
    logits = checkpoint.model.unembed(checkpoint.params, out.hidden)[0]
    assert np.abs(logits - reference.logits_alone(whole, every[0])).max() <= TOLERANCE


@pytest.mark.parametrize("case", ["llama-llama3", "llama-linear"])
def test_config_of_older_versions(case, folder, tmp_path):
    """Before version 5, `rope_theta` was next to `rope_scaling`, whose kind was in `type`."""
    for file in folder(case).iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope | {"type": rope.pop("rope_type")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load(tmp_path).config == load(folder(case)).config


def test_gpt2_as_first_published(folder, tmp_path):
    """Its names have no prefix, and the causal masks are stored with the weights."""
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder("gpt2") / "model.safetensors")
    tensors = {name.removeprefix("transformer."): value for name, value in tensors.items()}
    tensors |= {f"h.{i}.attn.bias": np.ones((1, 1, 64, 64), np.float32) for i in range(3)}
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((folder("gpt2") / "config.json").read_bytes())
    assert largest_difference(load(tmp_path), "gpt2") <= TOLERANCE


def test_transformers_reads_what_we_save(folder, tmp_path):
    from jaxsample_models import save

    checkpoint = load(folder("llama-biases"))
    save(tmp_path, checkpoint.config, checkpoint.params, dtype="float32")
    every, _ = rows()
    hub = reference.transformers()
    again = hub.AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager")
    expected = reference.logits_alone(model_of("llama-biases"), every[0])
    assert np.abs(reference.logits_alone(again, every[0]) - expected).max() <= 1e-5
