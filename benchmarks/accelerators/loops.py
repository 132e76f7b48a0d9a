"""Draws in a loop on the device, as a decode loop has them, and their times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
from harness.report import summary
from harness.turns import take_turns, timed
from peers.chains import settings
from peers.ours import sampler

from jaxsample import sample

DRAWS = 64


def ours(chain: str, batch: int):
    """Return our draw of a chain and its arguments: `draw(keys [B], logits [B, V], sampler)`."""
    return jax.vmap(sample, in_axes=(0, 0, None)), (sampler(settings(chain, batch)),)


def keys_of(draws: int, batch: int | None) -> jax.Array:
    """Return keys `[draws]` or `[draws, B]`; in a decode loop keys are not part of a draw."""
    return jax.random.split(jax.random.key(0), (draws,) if batch is None else (draws, batch))


@jax.jit
def _moved(logits, tokens):
    # The logits depend on the tokens, or else XLA would compute what depends on them alone once.
    return logits.at[:, 0].add(1e-9 * tokens)


def looped(draw: Callable) -> Callable:
    """Return the jitted loop (keys, logits `[B, V]`, *args) that draws once for each key."""

    @jax.jit
    def run(keys, logits, *args):
        def body(logits, key):
            return _moved(logits, draw(key, logits, *args)), None

        return jax.lax.scan(body, logits, keys)[0]

    return run


def compiled(programs: dict[str, tuple[Callable, tuple]]) -> dict[str, Callable]:
    """Compile jitted functions for their arguments, several at a time."""
    lowered = [function.lower(*args) for function, args in programs.values()]
    with ThreadPoolExecutor() as pool:
        return dict(zip(programs, pool.map(lambda one: one.compile(), lowered), strict=True))


def call(program: Callable, args: tuple) -> Callable:
    """Return `call(i)`, which waits for the results of a program."""
    return lambda i: jax.block_until_ready(program(*args))


def calls(programs: dict[str, tuple[Callable, tuple]]) -> dict[str, Callable]:
    """Compile jitted functions for their arguments; return a call of each."""
    made = compiled(programs)
    return {name: call(made[name], args) for name, (_, args) in programs.items()}


def times(
    calls: dict[str, Callable], draws: int, budget_s: float, rounds: int = 30
) -> Iterator[dict]:
    """Time calls in turn; yield for each the microseconds of one of its draws."""
    arms = {name: timed(call) for name, call in calls.items()}
    for name, runs in take_turns(arms, rounds, budget_s).items():
        found = summary([seconds / draws * 1e6 for seconds in runs])
        yield {
            "arm": name,
            "us": found["median_s"],
            "low": found["low_s"],
            "high": found["high_s"],
            "runs": found["runs"],
        }


def on_device(array) -> jax.Array:
    return jax.block_until_ready(jnp.asarray(array))
