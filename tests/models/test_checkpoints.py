"""Folders that load, folders that do not, and their error messages."""

import dataclasses
import json
import pickle
import sys

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jaxsample_models import CheckpointError, RopeScaling, embedded, init, load, save


@pytest.fixture
def folder(tiny, tmp_path):
    """A complete folder, which the tests then damage."""
    config, params = tiny
    save(tmp_path, config, params, dtype="float32", generation_config={"eos_token_id": 2})
    return tmp_path


def edit(folder, **fields):
    file = folder / "config.json"
    config = json.loads(file.read_text()) | fields
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def retensor(folder, **changes):
    tensors = load_file(folder / "model.safetensors") | changes
    kept = {name: value for name, value in tensors.items() if value is not None}
    save_file(kept, folder / "model.safetensors")


def fails(folder, *parts):
    with pytest.raises(CheckpointError) as caught:
        load(folder)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
    return message


def test_save_and_load_return_the_same(tiny, folder):
    config, params = tiny
    checkpoint = load(folder)
    assert checkpoint.config == config and checkpoint.tokenizer is None
    assert checkpoint.generation_config == {"eos_token_id": 2}
    jax.tree.map(np.testing.assert_array_equal, checkpoint.params, params)


@pytest.mark.parametrize(
    "fields",
    [
        dict(tied=False, rope_theta=5e5, norm_eps=1e-6, activation="gelu_tanh"),
        dict(qkv_bias=True, out_bias=True, mlp_bias=True),
        dict(rope_scaling=RopeScaling("linear", 2.0, original=8192)),
        dict(rope_scaling=RopeScaling("llama3", 8.0, 1.0, 4.0, 32)),
    ],
)
def test_a_llama_folder_keeps_the_config(tiny, fields, tmp_path):
    config = dataclasses.replace(tiny[0], **fields)
    params = init(config, jax.random.key(2))
    save(tmp_path, config, params)
    checkpoint = load(tmp_path)
    assert checkpoint.config == config
    rounded = jax.tree.map(lambda leaf: leaf.astype("float16").astype("float32"), params)
    jax.tree.map(np.testing.assert_array_equal, checkpoint.params, rounded)


def test_a_config_that_llama_lacks_is_refused(tiny, tmp_path):
    config = dataclasses.replace(tiny[0], windows=(4, None), logit_softcap=30.0)
    with pytest.raises(CheckpointError, match="`windows`, `logit_softcap`"):
        save(tmp_path / "new", config, init(config, jax.random.key(0)))
    assert not (tmp_path / "new").exists()


def test_saving_parameters_of_another_config(tiny, tmp_path):
    config, params = tiny
    with pytest.raises(CheckpointError, match=r"`norm\.scale` should be \(32,\), found \(31,\)"):
        save(tmp_path, config, params | {"norm": {"scale": np.ones(31)}})
    with pytest.raises(CheckpointError, match="`dtype` must be"):
        save(tmp_path, config, params, dtype="int8")


def test_special_tokens_fall_back_to_the_config(folder):
    edit(folder, bos_token_id=1, eos_token_id=9)
    assert load(folder).generation_config == {"bos_token_id": 1, "eos_token_id": 2}
    (folder / "generation_config.json").unlink()
    assert load(folder).generation_config == {"bos_token_id": 1, "eos_token_id": 9}


@pytest.mark.parametrize(("key", "id"), [("bos_token_id", 1), ("eos_token_id", 2)])
def test_null_in_the_generation_config_keeps_the_config(folder, key, id):
    edit(folder, **{key: id})
    (folder / "generation_config.json").write_text(json.dumps({key: None, "top_k": None}))
    assert load(folder).generation_config == {key: id, "top_k": None}


def test_a_missing_folder(tmp_path):
    fails(tmp_path / "nothing", "no such folder", "config.json")


def test_an_empty_folder(tmp_path):
    fails(tmp_path, "no config.json")


def test_missing_weights(folder):
    (folder / "model.safetensors").unlink()
    fails(folder, "neither model.safetensors nor")


def test_pickles_are_not_opened(folder):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was opened",))

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    fails(folder, "pickle", "safetensors")


def test_truncated_file(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    fails(folder, "model.safetensors", "not a whole safetensors file", "download it again")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 64])
def test_corrupted_file(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    fails(folder, "not a whole safetensors file")


def test_missing_shard(folder):
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    index = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    fails(folder, "b.safetensors", "shard is missing")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ('{"weight_map": 5}', "`weight_map` is 5"),
        ('{"weight_map": {"x": 5}}', "`weight_map` is {'x': 5}"),
        ('{"weight_map": null}', "`weight_map` is missing"),
        ("{}", "`weight_map` is missing"),
    ],
)
def test_broken_index(folder, content, part):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(content)
    fails(folder, "model.safetensors.index.json", part)


@pytest.mark.parametrize(
    "shard", ["../model.safetensors", "/model.safetensors", "pytorch_model.bin"]
)
def test_index_that_leaves_the_folder(folder, shard):
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"x": shard}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    fails(folder, shard, "safetensors file in the same folder")


NAME = "model.layers.1.self_attn.q_proj.weight"


def test_missing_tensor(folder):
    retensor(folder, **{NAME: None})
    fails(folder, NAME, "(32, 32)", "missing")


def test_missing_head(folder):
    edit(folder, tie_word_embeddings=False)
    fails(folder, "lm_head.weight", "(61, 32)", "tie_word_embeddings")


def test_wrongly_shaped_tensor(folder):
    retensor(folder, **{NAME: np.zeros((16, 32), np.float32)})
    fails(folder, NAME, "should be (32, 32)", "found (16, 32)")


def test_tensor_of_integers(folder):
    retensor(folder, **{NAME: np.zeros((32, 32), np.int8)})
    fails(folder, NAME, "I8", "F32, F16, BF16")


def test_a_tensor_that_is_left_over(folder):
    retensor(folder, **{NAME.replace("weight", "bias"): np.zeros((32,), np.float32)})
    fails(folder, "q_proj.bias", "no place")


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        (dict(architectures=["Gemma3nForCausalLM"]), ("'Gemma3ForCausalLM'", "docs/models.md")),
        (dict(architectures=..., model_type="gemma3n"), ("'gemma3n'", "'gemma2'")),
        (dict(rope_scaling={"rope_type": "ntk", "factor": 2.0}), ("rope_type", "ntk", "llama3")),
        (dict(rope_scaling={"type": "linear"}), ("`factor` is missing",)),
        (dict(partial_rotary_factor=0.01), ("`rotary_dim` must be from 2", "got 0")),
        (dict(hidden_act="relu2"), ("hidden_act", "relu2", "silu")),
        (dict(hidden_size=...), ("`hidden_size` is missing",)),
        (dict(hidden_size="32"), ("`hidden_size`", "'32'")),
        (dict(num_key_value_heads=3), ("`kv_heads` must divide",)),
        (dict(quantization_config={"bits": 4}), ("quantization_config", "dequantize")),
        (dict(architectures=5), ("`architectures` is 5", "list of texts")),
        (dict(architectures=[5]), ("`architectures` is [5]",)),
        (dict(hidden_size=64.5), ("`hidden_size` is 64.5", "a whole number")),
        (dict(hidden_size=True), ("`hidden_size` is True",)),
        (dict(rope_scaling=5), ("`rope_scaling` is 5", "an object")),
        (dict(rope_scaling={"rope_type": 5}), ("`rope_scaling.rope_type` is 5",)),
        (dict(rope_theta=float("nan")), ("`rope_theta` is nan", "finite")),
        (dict(eos_token_id=1.5), ("`eos_token_id` is 1.5", "a token id")),
        (dict(eos_token_id=[1, None]), ("`eos_token_id` is [1, None]",)),
        (dict(num_hidden_layers=10**9), ("`num_hidden_layers` is 1000000000", "2 layers")),
    ],
)
def test_configs_that_are_not_supported(folder, fields, parts):
    edit(folder, **fields)
    fails(folder, "config.json", *parts)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
def test_special_tokens_that_are_not_ids(folder, name):
    values = json.loads((folder / name).read_text()) | {"eos_token_id": 1.5}
    (folder / name).write_text(json.dumps(values))
    fails(folder, str(folder / name), "`eos_token_id` is 1.5", "a token id")


@pytest.mark.parametrize(
    ("field", "tensor"),
    [
        ("vocab_size", "embed_tokens"),
        ("hidden_size", "embed_tokens"),
        ("num_attention_heads", "q_proj"),
        ("head_dim", "q_proj"),
        ("intermediate_size", "up_proj"),
    ],
)
def test_absurd_sizes_are_refused_before_the_model_is_built(folder, field, tensor, monkeypatch):
    def build(config):
        pytest.fail(f"built {config}")

    monkeypatch.setattr("jaxsample_models._parameters.shapes", build)
    edit(folder, **{field: 10**9})
    fails(folder, str(folder / "model.safetensors"), tensor, "belong together")


def test_layer_types_that_are_not_supported(folder):
    edit(folder, architectures=["Qwen2ForCausalLM"], layer_types=["full_attention", "linear"])
    fails(folder, "layer_types", "'linear'", "sliding_attention")
    edit(folder, layer_types=["full_attention"])
    fails(folder, "`layer_types` has 1 entries; it must have 2")


NAMES = ["config.json", "generation_config.json", "model.safetensors.index.json"]
DEEP = b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"[1]", "should hold an object, found [1]"),
        (b"null", "should hold an object, found None"),
        (b'{"a": "\xff"}', "not JSON"),
        ('{"a": 1}'.encode("utf-16"), "not JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not JSON"),
        (DEEP, "nested too deeply"),
    ],
    ids=["cut", "empty", "list", "null", "latin-1", "utf-16", "digits", "deep"],
)
def test_broken_json(folder, name, content, part):
    if name.startswith("model"):
        (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(content)
    fails(folder, str(folder / name), part)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    ],
)
def test_a_git_lfs_pointer_in_place_of_any_file(folder, name):
    (folder / name).write_text(POINTER)
    fails(folder, f"{name}: a git-lfs pointer", "git lfs pull")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_one_file_in_place_of_the_folder(folder, name):
    with pytest.raises(CheckpointError) as caught:
        load(folder / name)
    expected = f"{folder / name}: one file of a model folder; give the folder, {folder}"
    assert str(caught.value) == expected


def test_a_config_that_names_no_family(folder):
    edit(folder, architectures=[], model_type=None)
    fails(folder, "`architectures` and `model_type` are both missing", "config.json")


@pytest.mark.parametrize("content", [b"{}", b"", b'{"version": "1.0", "trunc', b"\xff", DEEP])
def test_broken_tokenizer(folder, content):
    (folder / "tokenizer.json").write_bytes(content)
    fails(folder, "tokenizer.json", "not a tokenizer", "download it again")


def test_an_unknown_dtype(folder):
    with pytest.raises(ValueError, match="`dtype` must be one of"):
        load(folder, dtype="int8")


@pytest.mark.parametrize("package", ["safetensors", "tokenizers"])
def test_extras_that_are_not_installed(folder, package, monkeypatch):
    (folder / "tokenizer.json").write_text("{}")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'jaxsample\[models\]'"):
        load(folder)


def test_a_missing_story_model(monkeypatch, tmp_path):
    monkeypatch.setattr("jaxsample_models._checkpoints._STORIES", tmp_path / "weights")
    with pytest.raises(CheckpointError, match="no story model"):
        embedded()


def test_tracebacks_show_the_public_name_of_the_error():
    assert f"{CheckpointError.__module__}.{CheckpointError.__qualname__}" == (
        "jaxsample_models.CheckpointError"
    )
