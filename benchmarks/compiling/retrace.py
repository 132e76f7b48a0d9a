"""The time of each new setting that is given to the same program."""

from __future__ import annotations

import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from decoders.models import SHAPES, params_of

from jaxsample import Temperature, TopK, TopP, chain, generate, sample
from jaxsample_models import as_model

from .settings import COUNT, mixed, plain

OURS = "jaxsample"


def sampling(path: Path) -> dict:
    """Time jaxsample.sample under jit with a hundred settings, and count its traces."""
    logits, traces = jnp.asarray(np.load(path)), 0

    @jax.jit
    def draw(keys, logits, sampler):
        nonlocal traces
        traces += 1  # Python runs this only where jax traces
        return jax.vmap(sample, in_axes=(0, 0, None))(keys, logits, sampler)

    keys = jax.block_until_ready(jax.random.split(jax.random.key(0), len(logits)))

    def once(i):
        at = plain(i)
        sampler = chain(Temperature(at["temperature"]), TopK(at["top_k"]), TopP(at["top_p"]))
        return jax.block_until_ready(draw(keys, logits, sampler))

    return {**_every(once, COUNT), "traces": traces}


def generating() -> dict:
    """Time jaxsample.generate on a tiny model with a hundred mixed settings, and count traces."""
    config, calls = SHAPES["tiny"], 0
    model, params = as_model(config), params_of(config)

    def apply(*args):
        nonlocal calls
        calls += 1
        return model.apply(*args)

    counted = model._replace(apply=apply)
    settings = list(mixed())
    seen = []

    def once(i):
        prompts = np.ones((1, 4), np.int32)
        key = jax.random.key(0)
        static = {"max_new_tokens": 4, "record": ()}
        out = generate(key, counted, params, prompts, settings[i], **static)
        jax.block_until_ready(out.tokens)
        seen.append(calls)

    times = _every(once, COUNT)
    # A trace may run the model's function several times, so only new calls show a new trace.
    return {**times, "calls_first": seen[0], "calls_last": seen[-1]}


def peer(prepare, path: Path, settings: int) -> dict:
    """Time a peer with fewer settings; `prepare(path=, chain=)` returns its `call(i)`."""
    calls = {}

    def once(i):
        if i not in calls:
            made = prepare(path=str(path), chain=plain(i))
            calls[i] = getattr(made, "call", made)
        calls[i](i)

    return {**_every(once, settings), "traces": None}


def _every(once, settings: int) -> dict:
    """Time each setting when it is new, then each a second time."""

    def seconds(i):
        start = time.perf_counter()
        once(i)
        return float(f"{time.perf_counter() - start:.4g}")

    new = [seconds(i) for i in range(settings)]
    return {"first_s": new[0], "new_s": new[1:], "seen_s": [seconds(i) for i in range(settings)]}
