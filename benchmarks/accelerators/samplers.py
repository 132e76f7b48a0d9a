"""The time of a draw in a loop of 64: ours, the usual ways in JAX, torch and flashinfer."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
from harness.inputs import logits
from peers import bisection, sort, top_k
from peers.chains import settings

from . import loops, torch_arms

SHAPES = ((8, 128256), (64, 128256))
OURS = ("T", "k 50 + p .9", "p .9", "EDT + p .9")
# The settings are constants of these programs, and traced in ours.
USUAL = {
    "sort k 50 + p .9": (sort, "k 50 + p .9"),
    "sort p .9": (sort, "p .9"),
    "lax.top_k k 50 + p .9": (top_k, "k 50 + p .9"),
    "bisection p .9": (bisection, "p .9"),
}


def floors() -> dict:
    """Return the loop alone, one read of the logits, and the draw of jax.random."""

    def g2(key, rows):
        del key
        top = jnp.max(rows, axis=-1)
        return top + jnp.sum(jnp.exp(rows - top[:, None]), axis=-1)

    return {
        "the loop alone": lambda key, rows: rows[:, 1],
        "g2 (max and sum of exp)": g2,
        "argmax": lambda key, rows: jnp.argmax(rows, axis=-1),
        "jax.random.categorical": lambda key, rows: jax.random.categorical(key, rows / 0.8),
    }


def programs(rows: jax.Array, draws: int, chains, usual) -> dict:
    """Return the loop of every arm with its arguments."""
    batch = len(rows)
    one, each = loops.keys_of(draws, None), loops.keys_of(draws, batch)
    found = {}
    for chain in chains:
        draw, args = loops.ours(chain, batch)
        found[f"ours {chain}"] = loops.looped(draw), (each, rows, *args)
    for name, draw in floors().items():
        found[name] = loops.looped(draw), (one, rows)
    for name, (peer, chain) in usual.items():
        found[name] = loops.looped(peer.program(settings(chain, batch))), (one, rows)
    return found


def run(given) -> Iterator[dict]:
    """Yield the time of every arm at every shape."""
    draws = 4 if given.quick else loops.DRAWS
    chains, usual = (OURS[:1], {}) if given.quick else (OURS, USUAL)
    for batch, vocabulary in ((2, 512),) if given.quick else SHAPES:
        rows = loops.on_device(logits("peaked", batch, vocabulary))
        calls = loops.calls(programs(rows, draws, chains, usual))
        foreign, absent = torch_arms.calls(rows, draws)
        for found in loops.times(calls | foreign, draws, 1.0 if given.quick else 15.0):
            yield {"shape": f"{batch} x {vocabulary}", **found}
        for name, reason in absent.items():
            yield {"shape": f"{batch} x {vocabulary}", "arm": f"{name}: {reason}"}
