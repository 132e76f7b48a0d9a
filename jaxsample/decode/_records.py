"""Records of a token: log-probabilities, entropy, kept sets and likeliest tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.decode._arguments import as_int
from jaxsample.transforms.rows._moments import log_mass_and_entropy
from jaxsample.transforms.rows._row import Row

PLAIN = "logprobs", "model_logprobs", "entropy", "kept"
SIZED = "support", "top"
MOST = 1 << 20  # above every vocabulary; an array of such records would not fit anywhere


class Support(NamedTuple):
    """The kept set of each token.

    Attributes:
        ids: `[.., K]` int32, likeliest first, -1 where fewer are kept.
        larger: `[..]` bool, whether the kept set has more than K tokens.
    """

    ids: jax.Array
    larger: jax.Array


class Top(NamedTuple):
    """The likeliest tokens under the model.

    Attributes:
        ids: `[.., n]` int32, likeliest first.
        logprobs: `[.., n]` float32, raw log-probabilities in nats (T = 1).
    """

    ids: jax.Array
    logprobs: jax.Array


class Records(NamedTuple):
    """The records of each token; None if not requested."""

    logprobs: jax.Array | None = None
    model_logprobs: jax.Array | None = None
    entropy: jax.Array | None = None
    kept: jax.Array | None = None
    support: Support | None = None
    top: Top | None = None


class Drawn(NamedTuple):
    """A token of one row, drawn or given.

    Attributes:
        token: int32.
        raw: the row before the sampler.
        final: the row after the sampler.
        received: the argument of `sampler.settle`.
    """

    token: jax.Array
    raw: Row
    final: Row
    received: Any


def check_record(record: Any) -> tuple:
    """Return `record` as a hashable tuple.

    Raises:
        ValueError: if it names an unknown record.
    """
    given = (record,) if isinstance(record, str) or record is None else record
    return tuple(map(_entry, given))


def _entry(r):
    if isinstance(r, str) and r in PLAIN:
        return r
    if isinstance(r, tuple | list) and len(r) == 2 and r[0] in SIZED:
        size = as_int(r[1])
        if size is not None and size > MOST:
            raise ValueError(f"record: {(r[0], size)!r} asks for more than {MOST} tokens")
        if size is not None and size > 0:
            return r[0], size
    raise ValueError(
        f"record takes {', '.join(map(repr, PLAIN))}, ('support', K) and ('top', n), got {r!r}"
    )


def settle_and_observe(
    observe: Callable[[Row, Row, jax.Array], Any],
    sampler: Any,
    state: Any,
    hidden: jax.Array | None,
    drawn: Drawn,
    live: jax.Array,
) -> tuple[Any, Any]:
    """Update one row's state with its token, and record the token.

    The state does not change if the row is not live or is invalid, or if the token is not in the
    vocabulary.

    Args:
        observe: `(raw, final, token) -> observations`, any arrays; they are set to 0 if the row is
            not live.
        sampler, state, hidden: the arguments of `Transform.through`.
        drawn: the token, drawn or given, with the row before and after the sampler.
        live: scalar bool, whether the token counts.

    Returns:
        The state after the token, and the observations.
    """
    token, raw, final, received = drawn
    known = (token >= 0) & (token < raw.size)
    settled = sampler.settle(received, state, jnp.clip(token, 0, raw.size - 1), hidden)
    moves = live & final.valid & known
    state = jax.tree.map(lambda new, old: jnp.where(moves, new, old), settled, state)
    seen = observe(raw, final, token)
    return state, jax.tree.map(lambda x: jnp.where(live, x, jnp.zeros_like(x)), seen)


def observe(record: tuple, raw: Row, final: Row, token: jax.Array) -> Records:
    """Record one token of one row; NaN, and -1 for ids, if the row is invalid or the token is -1.

    Args:
        record: from `check_record`.
        raw: the model's row.
        final: the row the token was drawn from.
        token: int32.
    """
    valid = final.valid & (token != -1)
    found: dict[str, Any] = {}
    # One pass over the row serves all records.
    moments: tuple[jax.Array, ...] = (
        log_mass_and_entropy(raw) if "entropy" in record else (jnp.log(raw.sum(jnp.exp)),)
    )
    log_mass = moments[0]
    for entry in record:
        name, size = entry if isinstance(entry, tuple) else (entry, 0)
        if name == "logprobs":
            found[name] = jnp.where(valid, logprob(final, token), jnp.nan)
        elif name == "model_logprobs":
            found[name] = jnp.where(valid, logprob(raw, token, log_mass), jnp.nan)
        elif name == "entropy":
            found[name] = jnp.where(valid, moments[-1], jnp.nan)
        elif name == "kept":
            found[name] = jnp.where(valid, final.count, 0).astype(jnp.int32)
        elif name == "support":
            ids = jnp.where(valid, final.ranked(size)[1], -1)
            found[name] = Support(ids, valid & (final.count > size))
        else:
            values, ids = raw.ranked(size)
            values = values - raw.max - log_mass
            found[name] = Top(jnp.where(valid, ids, -1), jnp.where(valid, values, jnp.nan))
    return Records(**found)


def logprob(row: Row, token: jax.Array, log_mass: jax.Array | None = None) -> jax.Array:
    """Log-probability of a token under a row, nats.

    A token that is dropped or not in the vocabulary has -inf with zero gradient. `log_mass` is the
    log of the sum of exp(value - max), if the caller has computed it.
    """
    log_mass = jnp.log(row.sum(jnp.exp)) if log_mass is None else log_mass
    known = (token >= 0) & (token < row.size)
    value = jnp.where(known, row.value(jnp.where(known, token, 0)), -jnp.inf)
    kept = value > -jnp.inf
    below = jnp.where(kept, value, row.max) - row.max
    score = jnp.maximum(below, jnp.finfo(jnp.float32).min) - log_mass
    return jnp.where(kept, score, -jnp.inf)
