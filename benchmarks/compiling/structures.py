"""The time to trace, lower and compile a sampler, and `generate`, beside the usual ways.

A program is compiled once for all settings of a chain, so this is what each new structure costs.
CPU seconds of all threads are counted, since other programs of the machine do not change them. All
caches are cleared before each program, and none is on disk.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from decoders.models import SHAPES, params_of
from peers import sort
from peers.chains import settings
from peers.ours import ONE_FOR_ALL, sampler

from jaxsample import Epsilon, Eta, MinP, Temperature, TopK, TopP, chain, generate
from jaxsample_models import as_model

SHAPE = 8, 32000
PARTS = "trace", "lower", "compile"
SORT, LOOP = "sort + categorical", "the model's greedy loop"
CHAINS = ("T", "k 50 + p .9", "EDT + p .9", "typical .9")
QUICK = (SORT, "T")
PROMPT, STEPS = 16, 64


def samplers() -> dict[str, tuple[Callable, tuple]]:
    """Return a jitted function and its arguments for each structure; the first is the base."""
    batch, vocabulary = SHAPE
    logits = jnp.zeros(SHAPE)
    keys = jax.random.split(jax.random.key(0), batch)
    six = chain(Temperature(0.8), TopK(50), TopP(0.9), MinP(0.02), Epsilon(1e-4), Eta(1e-4))
    chains = {name: sampler(settings(name, batch)) for name in CHAINS} | {"six filters": six}
    found = {SORT: (sort.program(settings("p .9", batch)), (keys[0], logits))}
    return found | {name: (ONE_FOR_ALL, (keys, logits, made)) for name, made in chains.items()}


def decoders(name: str, batch: int = 8) -> dict[str, tuple[Callable, tuple]]:
    """Return the same for decoding with the model `name`; its weights are only described."""
    config = SHAPES[name]
    model = as_model(config)
    params = jax.eval_shape(lambda: params_of(config))
    prompts = jnp.ones((batch, PROMPT), jnp.int32)

    def ours(key, params, prompts, sampler):
        return generate(
            key, model, params, prompts, sampler, max_new_tokens=STEPS, record=()
        ).tokens

    made = chain(Temperature(0.8), TopK(50), TopP(0.9))
    return {
        LOOP: (jax.jit(greedy(model, STEPS)), (params, prompts)),
        "generate, k 50 + p .9": (jax.jit(ours), (jax.random.key(0), params, prompts, made)),
    }


def greedy(model, steps: int) -> Callable:
    """Return the loop that a user of the model would write: prefill, then the largest logits."""

    def loop(params, prompts):
        batch, length = prompts.shape
        positions = jnp.broadcast_to(jnp.arange(length), prompts.shape)
        output = model.apply(params, prompts, positions, model.init_cache(batch, length + steps))

        def body(carry, position):
            cache, hidden = carry
            tokens = jnp.argmax(model.unembed(params, hidden), axis=-1).astype(jnp.int32)
            positions = jnp.full((batch, 1), position)
            output = model.apply(params, tokens[:, None], positions, cache)
            return (output.cache, output.hidden[:, -1]), tokens

        start = output.cache, output.hidden[:, -1]
        return jax.lax.scan(body, start, length + jnp.arange(steps))[1].T

    return loop


def seconds(jitted: Callable, args: tuple) -> dict[str, float]:
    """Return the CPU seconds of each part, from empty caches."""
    jax.clear_caches()
    clock = [time.process_time()]
    traced = jitted.trace(*args)
    clock.append(time.process_time())
    lowered = traced.lower()
    clock.append(time.process_time())
    lowered.compile()
    clock.append(time.process_time())
    return dict(zip(PARTS, np.diff(clock).tolist(), strict=True))


def measure(programs: dict[str, tuple[Callable, tuple]], repeats: int, step=lambda words: None):
    """Compile the programs in turn; return the medians of their parts, and of the ratio to a base.

    The first program is the base. Ratios are taken within a round, as the speed of a core changes
    between rounds.
    """
    seconds(jax.jit(lambda x: jnp.sort(x * 2)), (jnp.zeros(9),))  # the compiler starts once
    runs: dict[str, list] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            step(f"compile {name}")
            runs[name].append(seconds(*program))
    totals = {name: np.array([sum(run.values()) for run in found]) for name, found in runs.items()}
    base = totals[next(iter(programs))]
    return {
        name: {
            **{part: statistics.median(run[part] for run in found) for part in PARTS},
            "total": float(np.median(totals[name])),
            "ratio": float(np.median(totals[name] / base)),
            "runs": found,
        }
        for name, found in runs.items()
    }
