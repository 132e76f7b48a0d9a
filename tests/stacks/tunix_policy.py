"""A small policy of tunix, a tokenizer of 61 words, and the policy as a `Model`."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import AxisType
from tunix.models.qwen3 import model as qwen3

from jaxsample import Model, ModelOutput

V, BOS, PAD, EOS = 61, 58, 59, 60
PROMPTS = ["t3 t4 t5", "t9", "t1 t2", "t8 t9 t3"]


class Words:
    """Token n is the word "tn"."""

    def encode(self, text, **_):
        return [int(word[1:]) for word in text.split()]

    def decode(self, ids, **_):
        return " ".join(f"t{int(i)}" for i in ids)

    def bos_id(self):
        return BOS

    def eos_id(self):
        return EOS

    def pad_id(self):
        return PAD


def policy():
    config = qwen3.ModelConfig(
        num_layers=1,
        vocab_size=V,
        embed_dim=16,
        hidden_dim=32,
        num_heads=4,
        head_dim=8,
        num_kv_heads=2,
        rope_theta=10000,
        norm_eps=1e-6,
        use_tied_embedding=True,
    )
    module = qwen3.Qwen3(config, rngs=nnx.Rngs(0))
    leaves, structure = jax.tree.flatten(nnx.state(module))
    keys = jax.random.split(jax.random.key(3), len(leaves))
    wide = [
        0.5 * jax.random.normal(key, x.shape) if x.ndim > 1 else x
        for key, x in zip(keys, leaves, strict=True)
    ]
    nnx.update(module, jax.tree.unflatten(structure, wide))  # tunix starts with zeros
    return module


def mesh_of(devices):
    return jax.make_mesh((1, 1), ("fsdp", "tp"), (AxisType.Auto,) * 2, devices=devices)


def adapt(module):
    """The policy as a `Model` in which every row has a cache of its own, and its parameters."""
    graph, params = nnx.split(module)

    def init_cache(batch, max_length):
        row = module.init_cache(1, max_length, jnp.float32)
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (batch, *x.shape)), row)

    def row(params, tokens, positions, cache):
        read = positions >= 0
        start = jnp.max(jnp.where(read, positions + 1, 0)) - jnp.sum(read)
        at = start + jnp.arange(tokens.size)  # pads at the end go on counting; nothing reads them
        mask = jnp.arange(cache["layer_0"]["k"].shape[1]) <= at[:, None]
        logits, new = nnx.merge(graph, params)(tokens[None], at[None], cache, mask[None])
        end = jnp.where(read.any(), start + jnp.sum(read), cache["layer_0"]["end_index"])
        new = {name: layer | {"end_index": end} for name, layer in new.items()}
        return logits[0], jax.tree.map(lambda n, o: jnp.where(read.any(), n, o), new, cache)

    def apply(params, tokens, positions, cache):
        logits, cache = jax.vmap(row, (None, 0, 0, 0))(params, tokens, positions, cache)
        return ModelOutput(logits, None, cache)

    return Model(init_cache, apply), params
