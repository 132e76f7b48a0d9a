"""The programs to compile: samplers, their peers, and the decoding of a small transformer."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

import jaxsample
from jaxsample import EntropyTemperature, MinP, Temperature, TopK, TopP, chain
from jaxsample_models import TransformerConfig, as_model, shapes

SAMPLERS = {
    "T": Temperature(0.8),
    "k 50 + p .9": chain(Temperature(0.8), TopK(50), TopP(0.9)),
    "p .9": chain(Temperature(1.0), TopP(0.9)),
    "EDT + p .9": chain(EntropyTemperature(1.0, 0.3), TopP(0.9)),
    "min-p .05": chain(Temperature(0.8), MinP(0.05)),
}

# The sizes differ, so that the shape of an array tells which weight it is.
CONFIG = TransformerConfig(
    vocab_size=32000,
    dim=384,
    layers=2,
    heads=8,
    kv_heads=8,
    head_dim=128,
    mlp_dim=1152,
    max_length=96,
    tied=False,
    dtype="bfloat16",
)
PROMPT, NEW = 16, 24
SLOTS, REFILL = 4, 2

# The sizes of Llama 3.2 1B and of Llama 3.1 8B.
LLAMA_1B = TransformerConfig(
    vocab_size=128256,
    dim=2048,
    layers=16,
    heads=32,
    kv_heads=8,
    head_dim=64,
    mlp_dim=8192,
    max_length=131072,
    tied=True,
    dtype="bfloat16",
)
LLAMA_8B = dataclasses.replace(
    LLAMA_1B, dim=4096, layers=32, head_dim=128, mlp_dim=14336, tied=False
)
CONFIGS = {"small": CONFIG, "1B": LLAMA_1B, "8B": LLAMA_8B}


class Decoded(NamedTuple):
    """A model, and the number of tokens of its prompts and after them."""

    config: TransformerConfig
    prompt: int
    new: int

    @classmethod
    def of(cls, name: str = "small", layers: int | None = None, prompt=PROMPT, new=NEW) -> Decoded:
        """Return the model of this name, with fewer layers if that is given."""
        config = CONFIGS[name]
        return cls(dataclasses.replace(config, layers=layers or config.layers), prompt, new)


def sampler(name: str):
    """Return `draw(keys, logits [B, V], sampler) -> tokens [B]` and the sampler."""

    def draw(keys, logits, sampler):
        return jax.vmap(lambda key, row: jaxsample.sample(key, row, sampler))(keys, logits)

    return draw, SAMPLERS[name]


def categorical(keys, logits):
    """Draw as jax does, at temperature 0.8."""
    return jax.vmap(lambda key, row: jax.random.categorical(key, row / 0.8))(keys, logits)


def top_k_then_p(keys, logits):
    """Draw from the 50 largest tokens: `lax.top_k`, and p .9 of these alone."""
    values, tokens = jax.lax.top_k(logits / 0.8, 50)
    mass = jax.nn.softmax(values, axis=-1)
    kept = jnp.where(jnp.cumsum(mass, axis=-1) - mass < 0.9, values, -jnp.inf)
    at = jax.vmap(jax.random.categorical)(keys, kept)
    return jnp.take_along_axis(tokens, at[:, None], axis=-1)[:, 0]


PEERS = {"jax.random.categorical": categorical, "lax.top_k 50 + p .9": top_k_then_p}


def decoding(part: str, decoded: Decoded):
    """Return `generate(keys, params, prompts, sampler)`, that in slots, its `prefill` or `step`."""
    model, new = as_model(decoded.config), decoded.new

    def generate(keys, params, prompts, sampler, **options):
        given = keys, model, params, prompts, sampler
        return jaxsample.generate(*given, max_new_tokens=new, record=(), **options)

    in_slots = functools.partial(generate, slots=SLOTS, refill=REFILL)

    def prefill(keys, params, prompts, sampler):
        length = decoded.prompt + new
        return jaxsample.prefill(keys, model, params, prompts, sampler, max_length=length)

    def step(params, decoding, sampler):
        return jaxsample.step(model, params, decoding, sampler)

    parts = {"generate": generate, "in slots": in_slots, "prefill": prefill, "step": step}
    return parts[part]


def weights():
    """Return the shapes and types of the weights of the small model."""
    return shapes(CONFIG)


def cached(batch: int) -> int:
    """Return the number of elements of the keys of a layer of that model, and so of the values."""
    return batch * (PROMPT + NEW) * CONFIG.kv_heads * CONFIG.head_dim
