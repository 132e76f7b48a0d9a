"""Where parameters and caches lie on a mesh, and that decoding there gives the same tokens."""

import dataclasses

import jax
import pytest
from jax.sharding import AbstractMesh
from jax.sharding import PartitionSpec as P

from jaxsample_models import Delta, Routing, TransformerConfig, init, load, save, shapes, shardings
from tests.decode.test_mesh import run_on_devices

from . import families, gguf_files

CONFIG = TransformerConfig(
    vocab_size=512, dim=32, layers=2, heads=8, kv_heads=4, head_dim=8, mlp_dim=64, max_length=64,
    tied=False, qkv_bias=True, mlp_bias=True,
)  # fmt: skip
MESH = AbstractMesh((2, 4), ("data", "model"))
WHOLE = ("router", "taps", "places")  # small matrices, which every device has


def key_of(path):
    return jax.tree_util.keystr(path, simple=True, separator=".")


def specs(config, mesh=MESH, **axes):
    params = shardings(config, mesh, **axes).params
    return {key_of(path): at.spec for path, at in jax.tree_util.tree_leaves_with_path(params)}


def test_attention_is_split_by_heads_and_the_mlp_by_channels():
    found = specs(CONFIG)
    block = "layers.1"
    for name in ("attention.query", "attention.key", "attention.value", "mlp.gate", "mlp.up"):
        assert found[f"{block}.{name}.kernel"] == P(None, "model")
        assert found[f"{block}.{name}.bias"] == P("model")
    for name in ("attention.out", "mlp.down"):
        assert found[f"{block}.{name}.kernel"] == P("model")
    assert found["embed"] == P("model")
    assert found["head.kernel"] == P(None, "model")
    for name in ("mlp.down.bias", "attention_norm.scale"):
        assert found[f"{block}.{name}"] == P()
    for layer in shardings(CONFIG, MESH).cache:
        assert layer.keys.spec == layer.values.spec == P("data", "model")


def test_every_expert_is_split_by_its_inner_channels():
    routing = Routing(experts=3, chosen=2, dim=8, bias=True)
    found = specs(dataclasses.replace(CONFIG, routing=routing))
    assert found["layers.0.experts.up.kernel"] == P(None, None, "model")
    assert found["layers.0.experts.up.bias"] == P(None, "model")
    assert found["layers.0.experts.down.kernel"] == P(None, "model")
    assert found["layers.0.experts.down.bias"] == found["layers.0.experts.router.kernel"] == P()


def test_the_memory_of_delta_layers_is_split_by_heads():
    delta = Delta(layers=(0,), heads=4, key_heads=2, key_dim=4, value_dim=8)
    config = dataclasses.replace(CONFIG, delta=delta, convolutions=(1,))
    first, second = shardings(config, MESH).cache
    assert (first.memory.spec, first.inputs.spec) == (P("data", "model"), P("data"))
    assert second.inputs.spec == P("data")
    found = specs(config)
    assert found["layers.0.delta.inputs.kernel"] == P("model")
    assert found["layers.1.convolution.inputs.kernel"] == P("model")


def test_a_dimension_that_the_devices_do_not_divide_is_on_all_of_them():
    mesh = AbstractMesh((1, 8), ("data", "model"))
    found = specs(dataclasses.replace(CONFIG, vocab_size=510), mesh)
    assert found["embed"] == found["head.kernel"] == P()
    assert found["layers.0.attention.query.kernel"] == P(None, "model")
    # 8 devices would divide the channels of 4 heads, but not the heads.
    assert found["layers.0.attention.key.kernel"] == P()
    assert shardings(CONFIG, mesh).cache[0].keys.spec == P("data")


@pytest.mark.parametrize("case", families.CASES)
def test_all_large_matrices_of_every_family_are_split(case):
    config = dataclasses.replace(families.read_config(families.config_json(case)), vocab_size=64)
    if config.layer_inputs is not None:
        inputs = dataclasses.replace(config.layer_inputs, vocab_size=64)
        config = dataclasses.replace(config, layer_inputs=inputs)
    found = specs(config, AbstractMesh((1, 2), ("data", "model")))
    for path, leaf in jax.tree_util.tree_leaves_with_path(shapes(config)):
        key = key_of(path)
        layer = int(key.split(".")[1]) if key.startswith("layers.") else 0
        one_head = config.key_heads(layer)[0] == 1 and ("n.key." in key or "n.value." in key)
        if leaf.ndim > 1 and not one_head and not any(name in key for name in (*WHOLE, "bias")):
            assert "model" in found[key], key


def test_axes_of_other_names():
    mesh = AbstractMesh((2, 2, 2), ("replica", "fsdp", "tensor"))
    axes = {"data": ("replica", "fsdp"), "model": "tensor"}
    assert specs(CONFIG, mesh, **axes)["layers.0.mlp.up.kernel"] == P(None, "tensor")
    assert shardings(CONFIG, mesh, **axes).cache[0].keys.spec == P(("replica", "fsdp"), "tensor")
    assert set(specs(CONFIG, mesh, data="fsdp", model=None).values()) == {P()}
    with pytest.raises(ValueError, match="not 'data'; give `data` one of them, or None"):
        shardings(CONFIG, mesh, model="tensor")


def test_load_takes_a_mesh_or_shardings(tmp_path):
    mesh = jax.make_mesh((1, 1), ("data", "model"))
    with pytest.raises(ValueError, match="`mesh` or `shardings`, not both"):
        load(tmp_path, mesh=mesh, shardings=lambda key, shape: None)


@pytest.mark.full
def test_tokens_on_a_mesh_are_those_of_one_device(tmp_path):
    """1 x 8, 8 x 1 and 2 x 4 devices, Auto and Explicit axes, a folder and a GGUF file."""
    config = dataclasses.replace(CONFIG, qkv_bias=False, mlp_bias=False)
    save(tmp_path, config, init(config, jax.random.key(0)))
    file = gguf_files.write(tmp_path, tmp_path / "model.gguf")
    done = run_on_devices("tests.models.mesh_program", str(tmp_path), str(file))
    assert done.stdout.count("ok") == 6, done.stdout + done.stderr[-3000:]
