"""What a policy sees of a row: a handful of numbers that say how sure the model is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

LIKELIEST = 5  # how many of the likeliest tokens "top" shows
FAR = 50.0  # logits further below the maximum than this count as this far
NUCLEUS = 0.95

DISTRIBUTION = "entropy", "top", "collision", "varentropy", "spread"
"""Features of the distribution alone, which need no state; "nucleus" is one more, at the price of a
search: the number of tokens that hold 95% of the mass."""

HISTORY = "position", "surprisal"
"""Features of what was drawn so far; with them a policy has state."""

_WIDTHS = dict.fromkeys((*DISTRIBUTION, "nucleus", *HISTORY), 1) | {"top": LIKELIEST + 1}


class Memory(NamedTuple):
    """What a policy with state remembers of a row.

    Attributes:
        n: tokens drawn so far, int32.
        surprisal: running mean of -log p of the tokens drawn, nats, under the incoming row.
        first: features `[F]` at the first token, where the policy decides once for the row.
    """

    n: jax.Array
    surprisal: jax.Array
    first: jax.Array


def size_of(names: Sequence[str]) -> int:
    """Return how many numbers some features are.

    Raises:
        ValueError: if a name is not a feature's.
    """
    for name in names:
        if name not in _WIDTHS:
            raise ValueError(f"features must be among {sorted(_WIDTHS)}, got {name!r}")
    return sum(_WIDTHS[name] for name in names)


def extract(names: Sequence[str], row, memory: Memory | None) -> jax.Array:
    """Return the features of a row, `[F]` float32, each of the order of 1; no gradient flows.

    An answer the row does not know is NaN.

    Args:
        names: which features, in this order.
        row: a `Row` or a `Window`.
        memory: of what was drawn; read for `HISTORY` alone.
    """
    if not names:
        return jnp.zeros(0, jnp.float32)
    parts = {}
    if set(names) - set(HISTORY):
        parts = _of_distribution(row, "nucleus" in names)
    if memory is not None:
        n = memory.n.astype(jnp.float32)
        parts |= {"position": jnp.log1p(n) / 5.0, "surprisal": jnp.log1p(memory.surprisal)}
    seen = [jnp.atleast_1d(jnp.asarray(parts[name], jnp.float32)) for name in names]
    return lax.stop_gradient(jnp.concatenate(seen))


def _of_distribution(row, nucleus):
    # Two sums share a loop. With another exponential in the second, XLA on the CPU makes no [V] of
    # the first one's to share: written out and read again, it costs more than both loops.
    mass, moment, second, squares, total, wide = row.sum(
        jnp.exp,
        lambda d: jnp.exp(d) * d,
        lambda d: jnp.square(d * jnp.exp(0.5 * d)),
        lambda d: jnp.square(jnp.square(jnp.exp(0.5 * d))),
        lambda d: jnp.maximum(d, -FAR),
        lambda d: jnp.square(jnp.maximum(d, -FAR)),
    )
    count = row.count.astype(jnp.float32)
    mean = moment / mass
    best = row.largest(LIKELIEST) - row.max
    gap = jnp.minimum(best[0] - best[1], 10.0)
    scale = max(math.log(row.size), 1.0)
    parts = {
        "entropy": (jnp.log(mass) - mean) / scale,
        "top": jnp.concatenate([jnp.exp(best) / mass, gap[None] / 10.0]),
        "collision": squares / jnp.square(mass),
        "varentropy": jnp.log1p(jnp.maximum(second / mass - mean * mean, 0.0)),
        "spread": jnp.log1p(jnp.sqrt(jnp.maximum(wide / count - (total / count) ** 2, 0.0))) / 3.0,
    }
    if nucleus:
        edge = row.value_at(jnp.exp, NUCLEUS)
        inside = row.sum(lambda d: (d >= edge - row.max).astype(jnp.float32))
        known = jnp.where(jnp.isnan(edge), jnp.nan, inside)
        parts["nucleus"] = jnp.log(jnp.maximum(known, 1.0)) / scale
    return parts


def surprisal(row, token: jax.Array) -> jax.Array:
    """Return -log p of a token under a row, nats, at most `FAR`."""
    log_mass = jnp.log(row.sum(jnp.exp))
    return jnp.minimum(log_mass - (row.value(token) - row.max), FAR)
