"""Features of a row that a policy reads."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._blocks import tree_sum
from jaxsample.kernels._few_rows import few_rows
from jaxsample.kernels._per_row import once
from jaxsample.kernels._validity import clamp_below
from jaxsample.transforms.contract._exported import exported

LIKELIEST = 5  # tokens in the feature "top"
FAR = 50.0  # distance below the maximum at which logits are clipped
NUCLEUS = 0.95
PARTS = 16  # equal parts of a row; they are first added to each other elementwise

DISTRIBUTION = "entropy", "top", "collision", "varentropy", "spread"
"""Features of the distribution alone, which need no state.

One more, "nucleus", is the number of tokens that hold 95% of the mass; it costs a search."""

HISTORY = "position", "surprisal"
"""Features of the tokens drawn so far; a policy that reads them has state."""

_WIDTHS = dict.fromkeys((*DISTRIBUTION, "nucleus", *HISTORY), 1) | {"top": LIKELIEST + 1}


@exported
class Memory(NamedTuple):
    """The state of a policy, for one text.

    Attributes:
        n: the number of tokens drawn so far, int32.
        surprisal: the running mean of -log p of these tokens under the incoming row, in nats.
        first: `[F]`, the features at the first token, for a policy that decides once per text.
    """

    n: jax.Array
    surprisal: jax.Array
    first: jax.Array


def size_of(names: Sequence[str]) -> int:
    """Return the total size of the named features.

    Raises:
        ValueError: if a name is unknown.
    """
    for name in names:
        if name not in _WIDTHS:
            raise ValueError(f"features must be among {sorted(_WIDTHS)}, got {name!r}")
    return sum(_WIDTHS[name] for name in names)


def extract(names: Sequence[str], row, memory: Memory | None) -> jax.Array:
    """Return the features of a row, `[F]` float32, each of the order of 1.

    No gradient flows through them.

    Args:
        names: the features, in this order.
        row: a `Row`.
        memory: needed for the features in `HISTORY` alone.
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
    count, mass, moment, second, squares, total, wide = few_rows(lambda: _sums(row))
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
        edge = row.value_at(jnp.exp, NUCLEUS, mass)
        inside = few_rows(lambda: jnp.sum(row.whole >= edge, dtype=jnp.int32))
        parts["nucleus"] = jnp.log(jnp.maximum(inside.astype(jnp.float32), 1.0)) / scale
    return parts


def _sums(row):
    """Return the number of kept tokens, and six sums over them in a fixed order."""
    values, top = lax.stop_gradient((row.whole, row.max))
    # Computed once for all sums: the exponential costs more than everything else together.
    below = once(clamp_below(values, top))
    weight = once(jnp.where(values > -jnp.inf, jnp.exp(below), 0.0))
    terms = (
        (lambda x: (x > -jnp.inf).astype(jnp.float32), values),
        (lambda e: e, weight),
        (lambda d, e: e * d, below, weight),
        (lambda d, e: e * d * d, below, weight),
        (jnp.square, weight),
        (lambda d: jnp.maximum(d, -FAR), below),
        (lambda d: jnp.square(jnp.maximum(d, -FAR)), below),
    )
    return jax.vmap(tree_sum)(_folded(terms))


def _folded(terms):
    """Return terms of blocks `[n, BLOCK]`, summed over sixteen equal parts of the blocks.

    A CPU reads the blocks at full speed only in loops over many consecutive tokens.
    """
    count, width = terms[0][1].shape
    size = count // PARTS
    folded = jnp.zeros((len(terms), count - size * (PARTS - 1), width), jnp.float32)
    for k, (term, *arrays) in enumerate(terms):

        def of(start, end, term=term, arrays=arrays):
            return term(*(x[start:end] for x in arrays))

        sums = functools.reduce(jnp.add, (of(i * size, (i + 1) * size) for i in range(PARTS)))
        # Written in place: a loop that concatenates would not be vectorised.
        folded = lax.dynamic_update_slice(folded, sums[None], (k, 0, 0))
        folded = lax.dynamic_update_slice(folded, of(size * PARTS, None)[None], (k, size, 0))
    return folded


def surprisal(row, token: jax.Array) -> jax.Array:
    """Return -log p of a token under a row, in nats, clipped to at most `FAR`."""
    log_mass = jnp.log(row.sum(jnp.exp))
    return jnp.minimum(log_mass - (row.value(token) - row.max), FAR)
