"""The time of a step of a 1B-shaped model in bfloat16: greedy and sampled, against argmax alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from compiling.structures import greedy
from decoders.models import SHAPES, params_of

from jaxsample import Temperature, TopK, TopP, chain, generate
from jaxsample_models import TransformerConfig, as_model

from . import loops

PROMPT, STEPS = 128, 128
ONE_B = TransformerConfig(
    vocab_size=128256,
    dim=2048,
    layers=16,
    heads=32,
    kv_heads=8,
    head_dim=64,
    mlp_dim=8192,
    max_length=8192,
    rope_theta=500000.0,
    tied=True,
    dtype="bfloat16",
)
FILTERS = TopK(50), TopP(0.9)
SAMPLERS = {
    "greedy": chain(Temperature(0.0), *FILTERS),
    "k 50 + p .9": chain(Temperature(0.8), *FILTERS),
    "p .95": chain(Temperature(1.0), TopP(0.95)),
}
ARGMAX = "argmax"


def config_of(given) -> TransformerConfig:
    return dataclasses.replace(SHAPES["tiny"], dtype="bfloat16") if given.quick else ONE_B


def run(given) -> Iterator[dict]:
    """Yield for each batch the time of a step, and how far it is above the argmax loop."""
    config = config_of(given)
    model, params = as_model(config), jax.block_until_ready(params_of(config))
    prompt, steps = (4, 4) if given.quick else (PROMPT, STEPS)

    def ours(key, params, prompts, sampler):
        return generate(
            key, model, params, prompts, sampler, max_new_tokens=steps, record=()
        ).tokens

    programs = {}
    for batch in (2,) if given.quick else (8, 64):
        prompts = jnp.ones((batch, prompt), jnp.int32)
        programs[batch, ARGMAX] = jax.jit(greedy(model, steps)), (params, prompts)
        for name in ("p .95",) if given.quick else SAMPLERS:
            args = jax.random.key(0), params, prompts, SAMPLERS[name]
            programs[batch, name] = jax.jit(ours), args
    # Greedy decoding is another value of k 50 + p .9, whose program serves it.
    made = loops.compiled({at: one for at, one in programs.items() if at[1] != "greedy"})
    made |= {(b, "greedy"): made[b, "k 50 + p .9"] for b, name in programs if name == "greedy"}
    for batch in dict.fromkeys(batch for batch, _ in programs):
        calls = {
            name: loops.call(made[size, name], args)
            for (size, name), (_, args) in programs.items()
            if size == batch
        }
        found = list(loops.times(calls, steps, 2.0 if given.quick else 10.0, 15))
        base = next(one["us"] for one in found if one["arm"] == ARGMAX)
        for one in found:
            above = {"above": one["us"] - base, "share": one["us"] / base - 1}
            yield {"shape": f"B = {batch}, {prompt} + {steps}", **one, **above}
