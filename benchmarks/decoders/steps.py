"""The time of one decode step after a prompt, by decoder and settings, beside two lower bounds.

A step is (time of N new tokens - time of one) / (N - 1), so the prefill does not count. The bounds
are the time to read all weights once, and that of the matrix products alone.
"""

from __future__ import annotations

import statistics

import jax
import jax.numpy as jnp
from harness.report import recorded
from harness.turns import take_turns, timed

PROMPT = 128
SETTINGS = {
    "greedy": None,
    "T .8, k 50, p .9": {"temperature": 0.8, "top_k": 50, "top_p": 0.9},
    "T 1, p .95": {"temperature": 1.0, "top_k": 0, "top_p": 0.95},
}
QUICK = {"T .8, k 50, p .9": SETTINGS["T .8, k 50, p .9"]}
READ, PRODUCTS = "the weights, read once", "the matrix products alone"
REPEATED = 8  # steps of products in one timed call


def measure(opened, batch: int, steps: int, rounds: int, budget: float, settings: dict, least: int):
    """Return the seconds of a step for each decoder and setting, and of the two bounds."""
    found = {}
    for name, chosen in settings.items():
        long = opened.arms(batch, PROMPT, steps, chosen)
        short = opened.arms(batch, PROMPT, 1, chosen)
        arms = {(kind, n): arms[kind] for n, arms in ((steps, long), (1, short)) for kind in arms}
        times = take_turns(arms, rounds, budget, least)
        for kind in long:
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
