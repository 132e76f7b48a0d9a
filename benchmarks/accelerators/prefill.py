"""The memory and time of the prefill of long prompts, 1B-shaped in bfloat16."""

from __future__ import annotations

import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp

import jaxsample
from jaxsample import TopP, chain
from jaxsample_models import as_model, shapes

from .model import config_of

BATCH, PROMPT, ROOM = 8, 4096, 16
GIB = 2**30


def run(given) -> Iterator[dict]:
    """Yield what XLA plans, and then the peak that the device saw."""
    config = config_of(given)
    batch, prompt = (2, 32) if given.quick else (BATCH, PROMPT)
    model = as_model(config)
    # Neither time nor memory depends on the weights.
    params = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes(config))
    prompts = jnp.ones((batch, prompt), jnp.int32)

    @jax.jit
    def fill(key, params, prompts):
        sampler, length = chain(TopP(0.9)), prompt + ROOM
        return jaxsample.prefill(key, model, params, prompts, sampler, max_length=length)

    args = jax.random.key(0), params, prompts
    compiled = fill.lower(*args).compile()
    shape = f"{batch} x {prompt}"
    planned = compiled.memory_analysis()
    sizes = {
        "weights": sum(leaf.nbytes for leaf in jax.tree.leaves(params)),
        "outputs": planned.output_size_in_bytes,
        "temporaries": planned.temp_size_in_bytes,
    }
    for name, size in sizes.items():
        yield {"shape": shape, "what": f"GiB of {name}", "value": size / GIB}
    jax.block_until_ready(compiled(*args))
    begun = time.perf_counter()
    jax.block_until_ready(compiled(*args))
    yield {"shape": shape, "what": "s of a prefill", "value": time.perf_counter() - begun}
    seen = jax.devices()[0].memory_stats()  # None on a CPU
    if seen:
        peak = seen["peak_bytes_in_use"] / GIB
        yield {"shape": shape, "what": "GiB of the device at the peak", "value": peak}
