"""The log-probability of a given token, with a derivative that costs little."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from jaxsample.kernels._few_rows import few_rows
from jaxsample.transforms.rows._row import Row


def chosen(row: Row, token: jax.Array) -> jax.Array:
    """Return the log-probability of a token under a row, in nats; differentiable.

    A sampler changes a row by a few numbers, such as a temperature. The derivatives with respect to
    these numbers are computed together with the value, so the backward pass reads and stores no
    array `[V]`. The derivative of a log-probability of -inf is zero.
    """
    closed = jax.make_jaxpr(row._see)(row.raw)
    return _chosen(closed.jaxpr, row.raw, token, *map(jnp.asarray, closed.consts))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _chosen(see: Any, raw: jax.Array, token: jax.Array, *numbers: jax.Array) -> jax.Array:
    return few_rows(lambda: _value(_seen(see, raw, numbers), token))


@functools.partial(_chosen.defjvp, symbolic_zeros=True)
def _(see, primals, tangents):
    raw, token, *numbers = primals
    given, _, *others = tangents
    places = [i for i, x in enumerate(others) if not _zero(x)]
    moves = [others[i] for i in places]
    some = [numbers[i] for i in places]

    def of(raw, some):
        changed = list(numbers)
        for i, number in zip(places, some, strict=True):
            changed[i] = number
        return _seen(see, raw, changed)

    if not _zero(given):  # logits that are trained themselves, or that a soft filter wrote
        values, tangent = jax.jvp(of, (raw, some), (given, moves))
        value, slope = _value_and_slope(values, token)
        return value, jnp.sum(slope * tangent)

    def both():
        values, pull = jax.vjp(functools.partial(of, raw), some)
        value, slope = _value_and_slope(values, token)
        return value, pull(slope)[0]

    value, slopes = few_rows(both)
    parts = (jnp.sum(slope * move) for slope, move in zip(slopes, moves, strict=True))
    return value, sum(parts, jnp.float32(0))


def _seen(see, raw, numbers):
    return jaxpr_as_fun(ClosedJaxpr(see, list(numbers)))(raw)[0]


def _zero(tangent):
    """Whether a tangent is zero: that of a constant, or of a number that is no float."""
    symbolic = isinstance(tangent, jax.custom_derivatives.SymbolicZero)
    return symbolic or tangent.dtype == jax.dtypes.float0


def _value(values, token):
    return values.reshape(-1)[token] - jax.nn.logsumexp(values)


def _value_and_slope(values, token):
    """Return the value and its derivative with respect to `values`, in their shape."""
    total = jax.nn.logsumexp(values)
    value = values.reshape(-1)[token] - total
    here = jnp.arange(values.size).reshape(values.shape) == token
    slope = jnp.where(here, 1.0, 0.0) - jnp.exp(values - total)
    return value, jnp.where(value > -jnp.inf, slope, 0.0)
