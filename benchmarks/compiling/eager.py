"""Call the library a thousand times outside jit, with new values each time, and count compilations.

    python compiling/eager.py CASE [CALLS] [SECONDS]

It prints JSON: how many calls were made, how many programs were compiled after the first call, the
growth of the memory maps of the process (each compiled program needs some, and the kernel allows
65,530), and the time of a call beside that of the same function under `jax.jit`. A case runs in its
own process, because one that compiles at every call would end the others.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
from decoders.models import SHAPES, params_of

import jaxsample as js
from jaxsample_models import as_model

BATCH, VOCABULARY, PROMPT, STEPS = 8, 32000, 4, 4
COMPILED = "/jax/core/compile/backend_compile_duration"


def keys():
    return jax.random.split(jax.random.key(0), BATCH)


def batches():
    """Return four batches of logits, to be used in turn."""
    return list(3 * jax.random.normal(jax.random.key(1), (4, BATCH, VOCABULARY)))


def rows():
    return [batch[0] for batch in batches()]


def three(i):
    """Return a chain with new values."""
    return js.chain(js.Temperature(0.5 + 1e-3 * i), js.TopK(20 + i), js.TopP(0.8 + 1e-4 * i))


def transforming(make):
    """Return the case of a transform that is called on a row."""
    logits = rows()
    return lambda logits, sampler: sampler(logits), lambda i: (logits[i % 4], make(i))


def drawing():
    logits, each = rows(), list(keys())
    return js.draw, lambda i: (each[i % BATCH], logits[i % 4])


def sampling():
    logits, each = rows(), list(keys())
    return js.sample, lambda i: (each[i % BATCH], logits[i % 4], three(i))


def sampling_rows():
    logits, all_keys = batches(), keys()
    call = jax.vmap(js.sample, in_axes=(0, 0, None))
    return call, lambda i: (all_keys, logits[i % 4], three(i))


def updating():
    tokens = jnp.arange(8, dtype=jnp.int32)
    prompt, logits, each = js.Prompt.of(tokens, VOCABULARY, 8), rows(), list(tokens)

    def made(i):
        return js.chain(js.RepetitionPenalty(1 + 1e-3 * i), three(i))

    state = made(0).init(jax.random.key(0), prompt)
    return (
        lambda sampler, state, logits, token: sampler.update(state, logits, token),
        lambda i: (made(i), state, logits[i % 4], each[i % 8]),
    )


def detecting():
    tokens = jnp.arange(8, dtype=jnp.int32)
    return js.detect, lambda i: (js.Watermark(key=i + 1), tokens)


class Decoding:
    """A tiny model with the whole vocabulary, and the cases that need one."""

    def __init__(self):
        config = dataclasses.replace(SHAPES["tiny"], vocab_size=VOCABULARY)
        self.model, self.params = as_model(config), params_of(config)
        self.prompts = jnp.ones((BATCH, PROMPT), jnp.int32)

    def step(self):
        decoding = js.prefill(
            jax.random.key(0), self.model, self.params, self.prompts, three(0), max_length=8
        )
        return (
            lambda params, decoding, made: js.step(self.model, params, decoding, made),
            lambda i: (self.params, decoding, three(i)),
        )

    def score(self):
        tokens = jnp.ones((BATCH, STEPS), jnp.int32)
        return (
            lambda params, made: js.score(self.model, params, self.prompts, tokens, made),
            lambda i: (self.params, three(i)),
        )

    def generate(self):
        each = list(keys())

        def call(key, params, made):
            return js.generate(key, self.model, params, self.prompts, made, max_new_tokens=STEPS)

        return call, lambda i: (each[i % BATCH], self.params, three(i))


# Each makes a function and `inputs(i)`, the arguments of the i-th call.
CASES = {
    "Temperature": lambda: transforming(lambda i: js.Temperature(0.5 + 1e-3 * i)),
    "EntropyTemperature": lambda: transforming(lambda i: js.EntropyTemperature(1, 1e-3 * i)),
    "TopK": lambda: transforming(lambda i: js.TopK(20 + i)),
    "TopP": lambda: transforming(lambda i: js.TopP(0.8 + 1e-4 * i)),
    "Typical": lambda: transforming(lambda i: js.Typical(0.8 + 1e-4 * i)),
    "chain": lambda: transforming(three),
    "draw": drawing,
    "sample": sampling,
    "vmap(sample)": sampling_rows,
    "update": updating,
    "detect": detecting,
    "step": lambda: Decoding().step(),
    "score": lambda: Decoding().score(),
    "generate": lambda: Decoding().generate(),
}
QUICK = "Temperature", "draw"


def maps() -> int | None:
    """Return the number of memory maps of this process, where the system tells it."""
    path = Path("/proc/self/maps")
    return len(path.read_text().splitlines()) if path.exists() else None


def measure(name: str, calls: int, budget_s: float) -> dict:
    """Call a case up to `calls` times, within about `budget_s` seconds."""
    function, inputs = CASES[name]()
    jitted, compiled = jax.jit(lambda *args: function(*args)), 0

    def listener(event, seconds, **_):
        nonlocal compiled
        compiled += event == COMPILED

    def timed(call, i):
        start = time.perf_counter()
        jax.block_until_ready(call(*inputs(i)))
        return time.perf_counter() - start

    first = timed(function, 0)
    timed(jitted, 0)
    jax.monitoring.register_event_duration_secs_listener(listener)
    before, begun, times = maps(), time.perf_counter(), []
    while len(times) < calls - 1 and time.perf_counter() - begun < budget_s:
        i = len(times) + 1
        times.append((timed(function, i), timed(jitted, i)))
    grown = None if before is None else maps() - before
    eager, under_jit = (statistics.median(arm) for arm in zip(*times, strict=True))
    return {
        "calls": len(times) + 1,
        "compilations": compiled,
        "maps": grown,
        "first_s": first,
        "eager_s": eager,
        "jitted_s": under_jit,
    }


if __name__ == "__main__":
    given = sys.argv[1:]
    found = measure(given[0], int(given[1]) if given[1:] else 1000, float([*given, 60, 60][2]))
    print(json.dumps(found))
