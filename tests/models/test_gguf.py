"""GGUF files that load, files that do not, and their error messages."""

import functools
import sys
import types

import gguf
import jax
import numpy as np
import pytest

from jaxsample_models import CheckpointError, RopeScaling, _gguf_tensors, load
from jaxsample_models._gguf_architectures import ARCHITECTURES
from jaxsample_models._gguf_tensors import GgufTensors

from . import families, gguf_files
from .gguf_files import KINDS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return families.write("llama", tmp_path_factory.mktemp("llama"))


@pytest.mark.parametrize("case", gguf_files.CASES)
def test_a_file_is_the_folder_it_was_made_of(case, tmp_path):
    expected = load(gguf_files.folder_of(case, tmp_path))
    found = load(gguf_files.write(tmp_path, tmp_path / "model.gguf"))
    assert found.config == expected.config and found.tokenizer is None
    # Norms of Gemma are stored as scale + 1, fades of Qwen 3.5 as their exponential; both round.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=3e-7),
        found.params,
        expected.params,
    )
    assert found.generation_config == {
        key: value for key, value in expected.generation_config.items() if key != "pad_token_id"
    }


@pytest.mark.parametrize("kind", [KINDS.Q8_0, KINDS.Q4_1, KINDS.BF16, KINDS.F16])
def test_quantised_tensors(folder, kind, tmp_path):
    found = load(gguf_files.write(folder, tmp_path / "model.gguf", kind)).params
    for layer, expected in load(folder).params["layers"].items():
        exact = np.asarray(expected["mlp"]["up"]["kernel"]).T
        rounded = gguf.dequantize(gguf.quantize(np.ascontiguousarray(exact), kind), kind).T
        assert not np.array_equal(rounded, exact.T)
        np.testing.assert_array_equal(found["layers"][layer]["mlp"]["up"]["kernel"], rounded)


BLOCKS = [kind for kind in KINDS if kind in gguf.quants._type_traits]


@pytest.mark.parametrize("kind", BLOCKS, ids=[kind.name for kind in BLOCKS])
def test_every_quantisation_is_read_in_pieces(folder, kind, tmp_path, monkeypatch):
    size, width = gguf.GGML_QUANT_SIZES[kind]
    rows = np.random.default_rng(0).integers(0, 256, (7, 2 * width), np.uint8)
    tensor = types.SimpleNamespace(
        name="blk.0.ffn_up.weight",
        tensor_type=kind,
        shape=np.array([2 * size, 7]),
        data=rows,
    )
    monkeypatch.setattr(_gguf_tensors, "_PIECE", 5 * size)  # two rows
    source = GgufTensors(tmp_path, {tensor.name: tensor}, "llama", ARCHITECTURES["llama"], {})
    with np.errstate(all="ignore"):  # random scales overflow
        found = source.read("model.layers.0.mlp.up_proj.weight", (7, 2 * size), np.float32)
        expected = gguf.dequantize(rows, kind)
    np.testing.assert_array_equal(found, expected)


def divisors_of_llama_3(theta, factor=32.0):
    """Compute `rope_freqs.weight` as llama.cpp's converter does, for heads of 8."""
    found = []
    for length in 2 * np.pi * theta ** (np.arange(0, 8, 2) / 8):
        if length < 8192 / 4:
            found.append(1.0)
        elif length > 8192:
            found.append(factor)
        else:
            smooth = (8192 / length - 1) / 3
            found.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(found, np.float32)


def test_the_divisors_of_llama_3(folder, tmp_path):
    theta = 1e6  # one wavelength lies between the bounds
    write = functools.partial(
        gguf_files.write,
        folder,
        tmp_path / "model.gguf",
        extra={"llama.rope.freq_base": theta}.items(),
    )
    divisors = divisors_of_llama_3(theta)
    assert 1 < divisors[2] < 32 == divisors[3]
    config = load(write(tensors={"rope_freqs.weight": divisors})).config
    assert config.rope_scaling == RopeScaling("llama3", 32.0, 1.0, 4.0, 8192)
    fails(write(tensors={"rope_freqs.weight": divisors * [1, 1, 1.1, 1]}), "`rope_freqs.weight`")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (dict(extra={"llama.expert_count": 8}.items()), ["blk.0.ffn_up_exps", "missing"]),
        (dict(extra={"split.count": 3}.items()), ["one of 3 files", "llama-gguf-split --merge"]),
        (dict(extra={"llama.block_count": 3}.items()), ["`num_hidden_layers` is 3", "2 layers"]),
        (dict(extra={"llama.rope.scaling.type": "odd"}.items()), ["`rope_type` is 'odd'"]),
        (dict(extra={"llama.attention.head_count": [4, 2]}.items()), ["`num_attention_heads` is"]),
        (dict(drop=["llama.attention.head_count"]), ["`num_attention_heads` is missing"]),
        (dict(drop=["llama.embedding_length"]), ["`hidden_size` is missing"]),
        (
            dict(tensors={"blk.0.ffn_sub_norm.weight": np.ones(48, np.float32)}),
            ["`blk.0.ffn_sub_norm.weight`", "no place"],
        ),
        (
            dict(tensors={"output_norm.weight": np.ones(31, np.float32)}),
            ["`output_norm.weight` should be (32,)", "found (31,)"],
        ),
        (
            dict(extra={"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": ["a"]}.items()),
            ["tokenizer", "'bert'", "gpt2, llama, gemma4, t5"],
        ),
    ],
)
def test_files_that_do_not_load(folder, changes, parts, tmp_path):
    fails(gguf_files.write(folder, tmp_path / "model.gguf", **changes), *parts)


@pytest.mark.parametrize(
    ("case", "changes", "parts"),
    [
        (
            "qwen3_5",
            dict(extra={"qwen35.nextn_predict_layers": 1}.items()),
            ["`nextn_predict_layers` is 1", "--no-mtp"],
        ),
        (
            "gemma4",
            dict(tensors={"rope_freqs.weight": np.array([1.0] * 6 + [2.0] * 6, np.float32)}),
            ["`rope_freqs.weight` are neither 1 nor 1e30"],
        ),
        (
            "gemma4",
            dict(extra={"gemma4.attention.sliding_window_pattern": [True, True]}.items()),
            ["`attention.sliding_window_pattern` leaves no layer"],
        ),
        (
            "gemma4",
            dict(drop=["gemma4.attention.sliding_window_pattern"]),
            ["`attention.sliding_window_pattern` is missing"],
        ),
        (
            "lfm2",
            dict(extra={"lfm2.attention.head_count_kv": [0, 2, 2]}.items()),
            ["`attention.head_count_kv` has 3 entries; it must have 2"],
        ),
    ],
)
def test_layers_of_several_kinds_that_do_not_load(case, changes, parts, tmp_path):
    folder = gguf_files.folder_of(case, tmp_path)
    fails(gguf_files.write(folder, tmp_path / "model.gguf", **changes), *parts)


def test_an_unknown_architecture(folder, tmp_path):
    file = gguf_files.write(folder, tmp_path / "model.gguf", extra={"general.name": "x"}.items())
    file.write_bytes(file.read_bytes().replace(b"llama", b"lIama"))
    fails(file, "architecture 'lIama'", "supported are llama, llama with experts, qwen2")


def test_damaged_files(folder, tmp_path):
    file = gguf_files.write(folder, tmp_path / "model.gguf")
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    fails(file, "not a whole GGUF file", "download it again")
    file.write_bytes(b"PK" + whole[2:])
    fails(file, "not a GGUF file", "config.json")
    file.write_bytes(b"")
    fails(file, "not a GGUF file")


def test_a_git_lfs_pointer(folder, tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (tmp_path / "model.gguf").write_bytes(pointer)
    fails(tmp_path / "model.gguf", "git-lfs pointer", "git lfs pull")
    fails(tmp_path, "no config.json", "give the file")
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(pointer)
    fails(tmp_path, "model.safetensors: a git-lfs pointer", "git lfs pull")


def test_the_gguf_package_is_not_installed(folder, tmp_path, monkeypatch):
    file = gguf_files.write(folder, tmp_path / "model.gguf")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ImportError, match=r"pip install 'jaxsample\[gguf\]'"):
        load(file)


def fails(path, *parts):
    with pytest.raises(CheckpointError) as caught:
        load(path)
    for part in (*parts, str(path)):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
