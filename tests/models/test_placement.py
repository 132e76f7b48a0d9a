"""How the parameters of a model reach the device: its memory, its types, its head."""

import tracemalloc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from safetensors.numpy import load_file, save_file

from jaxsample_models import TransformerConfig, as_model, load, save, shapes
from jaxsample_models._gguf_tensors import GgufTensors
from jaxsample_models._tensor_names import key_of
from jaxsample_models._tensors import Tensors

from . import gguf_files
from .gguf_files import KINDS

WIDE = TransformerConfig(
    vocab_size=4096,
    dim=256,
    layers=3,
    heads=4,
    kv_heads=2,
    head_dim=64,
    mlp_dim=512,
    max_length=64,
    tied=False,
)
LARGEST = 4096 * 256 * 4  # bytes of the embedding as float32
MORE = 2 * 2**20  # the piece that is dequantised, and the metadata


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Return a folder of float16 tensors, and a GGUF file of 4-bit ones."""
    folder, random = tmp_path_factory.mktemp("wide"), np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: random.normal(size=leaf.shape), shapes(WIDE))
    save(folder, WIDE, params)
    return folder, gguf_files.write(folder, folder / "model.gguf", KINDS.Q4_1)


@pytest.mark.parametrize("form", [0, 1], ids=["folder", "file"])
def test_the_host_holds_one_tensor_beside_the_model(wide, form, monkeypatch):
    load(wide[form])  # imports and caches count once
    tracemalloc.start()
    params = load(wide[form]).params
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    model = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    assert peak < model + LARGEST + MORE

    # Arrays that the device copies are not counted above, so look at those of the host as well.
    source, read = [(Tensors, Tensors.read), (GgufTensors, GgufTensors.read)][form]
    kept = []

    def reading(*arguments):
        assert not any(one() is not None for one in kept)
        value = read(*arguments)
        kept.append(weakref.ref(value))
        return value

    monkeypatch.setattr(source, "read", reading)
    load(wide[form])
    assert len(kept) == len(jax.tree.leaves(params))


def test_progress(wide):
    seen = []
    params = load(wide[0], "bfloat16", progress=lambda *pair: seen.append(pair)).params
    sizes = [leaf.nbytes for leaf in jax.tree.leaves(params)]
    assert seen == [(done, sum(sizes)) for done in np.cumsum(sizes).tolist()]


def test_shardings(wide):
    mesh, seen = jax.make_mesh((1,), ("model",)), {}

    def place(key, shape):
        axes = (None, "model") if len(shape) == 2 else ()
        seen[key] = NamedSharding(mesh, PartitionSpec(*axes)), shape
        return seen[key][0]

    for path, leaf in jax.tree_util.tree_leaves_with_path(load(wide[1], shardings=place).params):
        assert seen.pop(key_of(path)) == (leaf.sharding, leaf.shape)
    assert not seen


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_types(tiny, tmp_path, dtype):
    config, params = tiny
    save(tmp_path, config, params, dtype="float32")
    file = gguf_files.write(tmp_path, tmp_path / "model.gguf")
    rounded = load(tmp_path, dtype)
    for found in (rounded, load(file, dtype)):
        jax.tree.map(
            lambda a, b: np.testing.assert_array_equal(a.astype(dtype), b), params, found.params
        )
    tokens, positions = jnp.array([[1, 5, 9]]), jnp.arange(3)[None]

    def logits(model, params):
        out = jax.jit(model.apply)(params, tokens, positions, model.init_cache(1, 4))
        return model.unembed(params, out.hidden)

    expected = logits(as_model(config), params)
    # A few roundings to 8 bits (bfloat16) in each of two layers.
    scale = float(jnp.abs(expected).max())
    found = logits(rounded.model, rounded.params)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.05 * scale)


@pytest.mark.parametrize("stored", ["another", "equal"])
def test_a_stored_head_is_used_unless_it_is_the_embedding(tiny, tmp_path, stored):
    config, params = tiny
    assert config.tied
    save(tmp_path, config, params, dtype="float32")
    tensors = load_file(tmp_path / "model.safetensors")
    embed = tensors["model.embed_tokens.weight"]
    head = embed + 1 if stored == "another" else embed.copy()
    save_file(tensors | {"lm_head.weight": head}, tmp_path / "model.safetensors")
    found = load(tmp_path)
    assert found.config.tied == (stored == "equal")
    logits = found.model.unembed(found.params, jnp.ones(config.dim))
    np.testing.assert_allclose(logits, head.sum(axis=1), rtol=1e-5)
