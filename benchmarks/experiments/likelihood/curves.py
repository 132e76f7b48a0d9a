"""The surprise of each token as a function of the temperature.

-log p of a token under softmax(z / T) is a smooth function of log T. It is kept at some
temperatures with its derivative. Then any number of samplers that only choose a temperature can be
trained and scored without another pass over the vocabulary.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.learn import Examples, Learned, remember

TEXTS = 8  # texts that the model reads at once
ROWS = 64  # rows of logits in memory at once


class Curves(NamedTuple):
    """N tokens of U texts. A pytree.

    Attributes:
        surprise: `[N, K]` nats, at each temperature of the grid.
        slope: `[N, K]`, its derivative with respect to log T.
        seen: `[N, I]`, what a policy reads: the features of the row and the scaled hidden state.
        size: `[N]`, the scale of the hidden state.
        token: `[N]`.
        unit: `[N]`, the text of each token, in ascending order.
    """

    surprise: Any
    slope: Any
    seen: Any
    size: Any
    token: Any
    unit: Any

    @property
    def sizes(self) -> np.ndarray:
        """Tokens of each text, `[U]`."""
        return np.bincount(self.unit)

    @property
    def first(self) -> np.ndarray:
        """The place of the first token of each token's text, `[N]`."""
        return np.searchsorted(self.unit, self.unit)

    def per_unit(self, values: Any) -> np.ndarray:
        """Return the mean of values `[N]` in each text, `[U]`."""
        return np.bincount(self.unit, np.asarray(values, float)) / self.sizes


class Grid(NamedTuple):
    """The temperatures of curves: log T, from `start` in steps."""

    start: float
    step: float
    count: int

    @classmethod
    def of(cls, plan: dict[str, Any]) -> Grid:
        """Make the grid from `curves` of the protocol."""
        (low, high), each = plan["octaves"], plan["per_octave"]
        return cls(low * math.log(2), math.log(2) / each, (high - low) * each + 1)

    @property
    def log_t(self) -> np.ndarray:
        """The logarithms of the temperatures, `[K]`."""
        return self.start + self.step * np.arange(self.count)


def at(grid: Grid, surprise: jax.Array, slope: jax.Array, log_t: jax.Array) -> jax.Array:
    """Return the surprise of tokens, nats `[N]`, each at its own log T `[N]`; differentiable.

    Below the coldest temperature the surprise is linear in 1 / T, which is its limit. Above the
    hottest it is constant.

    Args:
        grid: of the curves.
        surprise, slope: `[N, K]`.
        log_t: `[N]`.
    """
    place = jnp.clip((log_t - grid.start) / grid.step, 0.0, grid.count - 1.0)
    left = jnp.clip(place.astype(jnp.int32), 0, grid.count - 2)
    s = place - left
    y0, d0, y1, d1 = (
        jnp.take_along_axis(x, i[:, None], axis=1)[:, 0]
        for i in (left, left + 1)
        for x in (surprise, slope)
    )
    d0, d1 = d0 * grid.step, d1 * grid.step
    inside = y0 + s * (d0 + s * (3 * (y1 - y0) - 2 * d0 - d1 + s * (2 * (y0 - y1) + d0 + d1)))
    # The derivative with respect to 1 / T is -T times that with respect to log T.
    colder = jnp.expm1(jnp.clip(grid.start - log_t, 0.0, 60.0))
    return inside - colder * slope[:, 0]


def read(
    checkpoint: Any,
    texts: Examples,
    policy: Learned,
    grid: Grid,
    step: Callable[[], None],
) -> Curves:
    """Read texts with a model.

    Args:
        checkpoint: of `jaxsample_models`, with `unembed`.
        texts: checked examples with prompts.
        policy: a policy that decides once per text; its inputs are kept.
        grid: the temperatures.
        step: is called after every batch of texts.
    """
    model, params = checkpoint.model, checkpoint.params
    found, logs = [], jnp.asarray(grid.log_t, jnp.float32)
    for begin in range(0, len(texts.tokens), TEXTS):
        some = texts[begin : begin + TEXTS]
        hidden = remember(model, params, some, batch_size=TEXTS).hidden
        live = np.arange(some.tokens.shape[1]) < some.token_lengths[:, None]
        unit = begin + np.nonzero(live)[0]
        given = hidden[live], some.tokens[live]
        for i in range(0, len(unit), ROWS):
            rows = [_filled(x[i : i + ROWS]) for x in given]
            count = len(unit[i : i + ROWS])
            below, mine, seen, size = _rows(model, params, policy, *rows)
            # A call for each temperature: a program with all of them would take long to compile.
            pairs = [_surprise(below, mine, log_t) for log_t in logs]
            surprise, slope = (np.stack(x, axis=1)[:count] for x in zip(*pairs, strict=True))
            seen, size = np.asarray(seen)[:count], np.asarray(size)[:count]
            token = rows[1][:count]
            found.append(Curves(surprise, slope, seen, size, token, unit[i : i + ROWS]))
        step()
    return Curves(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def batches(texts: Examples) -> int:
    """Return how often `read` calls its `step`."""
    return -(-len(texts.tokens) // TEXTS)


def save(path: Path, curves: Curves) -> None:
    """Write curves as .npz; a run that is killed leaves no half-written file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new.npz")
    np.savez(new, **curves._asdict())
    new.replace(path)


def load(path: Path) -> Curves:
    """Read what `save` wrote."""
    with np.load(path) as kept:
        return Curves(**{name: kept[name] for name in Curves._fields})


def _filled(x):
    return np.pad(x, ((0, ROWS - len(x)), *((0, 0),) * (x.ndim - 1)))


@functools.partial(jax.jit, static_argnums=0)
def _rows(model, params, policy, hidden, token):
    logits = model.unembed(params, hidden).astype(jnp.float32)
    below = logits - jnp.max(logits, axis=1, keepdims=True)
    mine = jnp.take_along_axis(below, token[:, None], axis=1)[:, 0]
    # A policy that decides once per text remembers what it read at the first token.
    read = lambda row, token, h: policy.update(None, row, token, h).first  # noqa: E731
    seen = jax.vmap(read)(logits, token, hidden)
    size = jnp.sqrt(jnp.mean(jnp.square(hidden.astype(jnp.float32)), axis=1) + 1e-12)
    return below, mine, seen, size


@jax.jit
def _surprise(below, mine, log_t):
    beta = jnp.exp(-log_t)
    weights = jnp.exp(beta * below)
    mass = jnp.sum(weights, axis=1)
    mean = jnp.sum(weights * below, axis=1) / mass
    return jnp.log(mass) - beta * mine, beta * (mine - mean)
