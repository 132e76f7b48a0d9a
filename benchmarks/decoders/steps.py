"""The time of one decode step after a prompt, by decoder and settings, beside two lower bounds.

The prompts are read once, before all runs. A step is (time of N tokens - time of one) / (N - 1), so
the fixed cost of a call does not count. The bounds are the time to read all weights once, and that
of the matrix products alone.
"""

from __future__ import annotations

import functools
import statistics

import jax
import jax.numpy as jnp
from harness.report import recorded
from harness.turns import take_turns, timed

from . import ours
from .fleet import OURS

PROMPT = 128
ROOM = 192  # tokens of a row's cache
SETTINGS = {
    "greedy": None,
    "T .8, k 50, p .9": {"temperature": 0.8, "top_k": 50, "top_p": 0.9},
    "T 1, p .95": {"temperature": 1.0, "top_k": 0, "top_p": 0.95},
}
QUICK = {"T .8, k 50, p .9": SETTINGS["T .8, k 50, p .9"]}
READ, PRODUCTS = "the weights, read once", "the matrix products alone"
REPEATED = 8  # steps of products in one timed call


def others(opened, quantised=None) -> dict:
    """Return makers of arms for other forms of the weights, by name: bfloat16, and a GGUF."""
    half = ours.Decoder(opened.common["folder"], "bfloat16")
    made = {f"{OURS} bfloat16": functools.partial(opened.arm_of_ours, half)}
    if quantised is not None and "llama" in opened.peers:
        made[f"llama {quantised.stem}"] = functools.partial(opened.arm_of_peer, "llama", quantised)
    return made


def measure(opened, also, batch, steps, rounds, budget, settings, least):
    """Return the seconds of a step for each decoder and setting, and of the two bounds."""
    found = {}
    for name, chosen in settings.items():
        arms = {}
        for n in (steps, 1):
            about = batch, PROMPT, n, chosen, ROOM
            arms |= {(kind, n): arm for kind, arm in opened.arms(*about).items()}
            arms |= {(kind, n): make(*about) for kind, make in also.items()}
        times = take_turns(arms, rounds, budget, least)
        for kind, n in arms:
            if n == steps:
                base = statistics.median(times[kind, 1])
                runs = [(seconds - base) / (steps - 1) for seconds in times[kind, steps]]
                found[f"{kind}, {name}"] = runs
        opened.forget()
    floors = {READ: _reading(opened.ours.params), PRODUCTS: _products(opened.ours, batch)}
    found |= take_turns(floors, rounds, budget, least)
    return {"batch": batch, "arms": recorded(found)}


def _reading(params):
    # The maximum of absolute values is the cheapest operation on a CPU that uses every weight.
    read = jax.jit(lambda params: [jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(params)])
    return timed(lambda _: jax.block_until_ready(read(params)))


def _products(decoder, batch: int):
    """Return an arm with the products of a step, one after the other."""
    tied = decoder.config.tied

    @jax.jit
    def run(params):
        kernels = [leaf for path, leaf in jax.tree.leaves_with_path(params) if _is_kernel(path)]
        if tied:
            kernels.append(params["embed"].T)

        def step(carry, _):
            for kernel in kernels:
                x = jnp.ones((batch, kernel.shape[0]), kernel.dtype) + carry
                carry = 1e-30 * (x @ kernel)[:, :1]
            return carry, None

        return jax.lax.scan(step, jnp.zeros((batch, 1)), length=REPEATED)[0]

    arm = timed(lambda _: jax.block_until_ready(run(decoder.params)))
    return lambda: arm() / REPEATED


def _is_kernel(path) -> bool:
    return jax.tree_util.keystr(path, simple=True, separator=".").endswith(".kernel")
