"""Each family against stored logits of transformers, and other layouts of folders."""

import copy
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from jaxsample_models import load
from jaxsample_models._families import read_config

from . import families
from .decoding import run

LENGTHS = np.array([7, 4])
TOLERANCE = 2e-4


def logits(checkpoint):
    """Prefill 7 and 4 tokens of the rows, then decode the rest: logits `[11 + 8, V]`."""
    prompts = np.zeros((2, 7), np.int32)
    for prompt, row, length in zip(prompts, families.rows(), LENGTHS, strict=True):
        prompt[:length] = row[:length]
    rest = np.stack([row[-4:] for row in families.rows()])
    first, steps = run(checkpoint, prompts, rest, LENGTHS)
    return np.concatenate([first[0], steps[0], first[1, :4], steps[1]])


def assert_right(checkpoint, case):
    expected = np.load(families.LOGITS)[case]
    np.testing.assert_allclose(logits(checkpoint), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("case", families.swept())
def test_logits_are_those_of_transformers(case, tmp_path):
    assert_right(load(families.write(case, tmp_path)), case)


def test_shards(tmp_path):
    """A folder in two files equals the folder in one."""
    whole = load(families.write("llama-llama3", tmp_path))
    tensors = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    where = {name: f"{i % 2}.safetensors" for i, name in enumerate(tensors)}
    for shard in set(where.values()):
        some = {name: tensors[name] for name in where if where[name] == shard}
        save_file(some, tmp_path / shard)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    sharded = load(tmp_path)
    assert sharded.config == whole.config
    jax.tree.map(np.testing.assert_array_equal, sharded.params, whole.params)


def test_gpt2_as_first_published(tmp_path):
    """Its names have no prefix, and the causal masks are stored with the weights."""
    whole = load(families.write("gpt2", tmp_path))
    tensors = load_file(tmp_path / "model.safetensors")
    tensors = {name.removeprefix("transformer."): value for name, value in tensors.items()}
    tensors |= {f"h.{i}.attn.bias": np.ones((1, 1, 64, 64), np.float32) for i in range(2)}
    save_file(tensors, tmp_path / "model.safetensors")
    jax.tree.map(np.testing.assert_array_equal, load(tmp_path).params, whole.params)


def test_keys_that_no_layer_reads(tmp_path):
    """Gemma 4 E2B stores keys and values also of the layers that read those of earlier ones."""
    whole = load(families.write("gemma4-shared", tmp_path))
    tensors = load_file(tmp_path / "model.safetensors")
    earlier = "model.layers.0.self_attn."
    idle = {
        name.replace(".0.", ".2."): value
        for name, value in tensors.items()
        if name.startswith(earlier) and name.removeprefix(earlier)[0] in "kv"
    }
    assert len(idle) == 3 and not idle.keys() & tensors.keys()
    save_file(tensors | idle, tmp_path / "model.safetensors")
    jax.tree.map(np.testing.assert_array_equal, load(tmp_path).params, whole.params)
    assert load(tmp_path).model.init_cache(1, 8)[2:] == (None, None)


def test_heads_of_each_layer(tmp_path):
    """Since 5.24 transformers writes the heads of full layers one by one."""
    config = load(families.write("gemma4", tmp_path)).config
    fields = json.loads((tmp_path / "config.json").read_text())
    del fields["global_head_dim"], fields["num_global_key_value_heads"]
    fields["per_layer_config"] = {"1": {"head_dim": 24, "num_key_value_heads": 1}}
    assert read_config(fields) == config
    fields["per_layer_config"]["0"] = {"head_dim": 12}
    with pytest.raises(ValueError, match="`per_layer_config` is .* one kind of heads"):
        read_config(fields)


def test_experts_of_gemma4_are_refused():
    fields = families.config_json("gemma4") | {"enable_moe_block": True}
    with pytest.raises(ValueError, match="`enable_moe_block` is True; only false"):
        read_config(fields)


def test_a_share_of_default_rotary_positions_is_refused():
    """transformers reads the share only where the kind is proportional."""
    fields = copy.deepcopy(families.config_json("gemma4"))
    fields["rope_parameters"]["full_attention"]["rope_type"] = "default"
    with pytest.raises(ValueError, match="`partial_rotary_factor` is .* rope_type is"):
        read_config(fields)


def test_rope_of_older_versions(tmp_path):
    """Before version 5, `rope_theta` was next to `rope_scaling`, whose kind was in `type`."""
    config = load(families.write("llama-llama3", tmp_path)).config
    fields = json.loads((tmp_path / "config.json").read_text())
    rope = fields.pop("rope_parameters")
    fields["rope_theta"] = rope.pop("rope_theta")
    fields["rope_scaling"] = rope | {"type": rope.pop("rope_type")}
    (tmp_path / "config.json").write_text(json.dumps(fields))
    assert load(tmp_path).config == config


@pytest.mark.parametrize("layout", ["language_model.model.", "model.language_model."])
@pytest.mark.parametrize("case", ["gemma3", "gemma4-shared"])
def test_the_text_part_of_a_model_that_sees(case, layout, tmp_path):
    """Its fields are nested, its tensors renamed, and those of the image part left alone."""
    whole = load(families.write(case, tmp_path))
    tensors = load_file(tmp_path / "model.safetensors")
    tensors = {name.replace("model.", layout, 1): value for name, value in tensors.items()}
    seen = {f"vision_tower.layers.{i}.weight": np.ones((4, 4), np.float32) for i in range(5)}
    save_file(tensors | seen, tmp_path / "model.safetensors")
    fields = families.config_json(case)
    del fields["architectures"]
    nested = {"architectures": ["Gemma3ForConditionalGeneration"], "text_config": fields}
    (tmp_path / "config.json").write_text(json.dumps(nested))
    part = load(tmp_path)
    assert part.config == whole.config
    jax.tree.map(np.testing.assert_array_equal, part.params, whole.params)


def test_a_model_type_is_enough():
    """The families are found without `architectures` too."""
    for case in families.CASES:
        fields = families.config_json(case)
        named = read_config(fields)
        del fields["architectures"]
        assert read_config(fields) == named


def test_bfloat16(tmp_path):
    """Parameters, cache and hidden states are bfloat16, logits float32."""
    checkpoint = load(families.write("gemma2", tmp_path), dtype="bfloat16")
    half = jnp.dtype("bfloat16")
    assert {leaf.dtype for leaf in jax.tree.leaves(checkpoint.params)} == {half}

    def step(params):
        cache = checkpoint.model.init_cache(1, 2)
        one = jnp.ones((1, 1), jnp.int32)
        out = checkpoint.model.apply(params, one, one, cache)
        return out.cache, out.hidden, checkpoint.model.unembed(params, out.hidden)

    cache, hidden, logits = jax.eval_shape(step, checkpoint.params)
    assert {leaf.dtype for leaf in jax.tree.leaves((cache, hidden))} == {half}
    assert logits.dtype == jnp.float32
