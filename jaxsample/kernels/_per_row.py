"""Operations on one row whose batches run differently on each kind of device."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir

Arrays = Sequence[jax.Array]


def per_row(
    name: str,
    shapes: Callable[..., Any],
    default: Callable[..., Arrays],
    cpu: Callable[..., Arrays] | None = None,
    tpu: Callable[..., Arrays] | None = None,
    shares: bool = False,
) -> Primitive:
    """Make a primitive on rows; each `jax.vmap` around it makes the batch larger.

    The device is known when the program is compiled, so only its own code is traced and compiled.
    All operands and results have the rows `[R]` as their first axis. A code with a parameter
    `devices` is told how many devices run the program; they may share the vocabulary.

    Args:
        name: the name in a jaxpr.
        shapes: maps the operands and parameters to the shapes and dtypes of the results.
        default, cpu, tpu: the code for all devices, for a CPU and for a TPU.
        shares: whether the code takes an operand of one row that all rows share. Otherwise each row
            gets a copy.
    """
    primitive = Primitive(name)
    primitive.multiple_results = True
    primitive.def_abstract_eval(shapes)

    @primitive.def_impl
    def run(*operands, **params):
        return jax.jit(functools.partial(primitive.bind, **params))(*operands)

    def batched(operands, axes, **params):
        size = next(x.shape[d] for x, d in zip(operands, axes, strict=True) if d is not None)
        moved = [
            x[None] if d is None else jnp.moveaxis(x, d, 0)
            for x, d in zip(operands, axes, strict=True)
        ]
        shape = size, _whole(x.shape[1] for x in moved)

        def merged(x):
            if x.shape[:2] == (1, 1) and shares:
                return x[0]
            x = jnp.broadcast_to(x, (*shape, *x.shape[2:]))
            return x.reshape(math.prod(shape), *x.shape[2:])

        outs = primitive.bind(*map(merged, moved), **params)
        return [x.reshape(*shape, *x.shape[1:]) for x in outs], [0] * len(outs)

    batching.primitive_batchers[primitive] = batched
    for code, platform in ((default, None), (cpu, "cpu"), (tpu, "tpu")):
        if code is not None:
            mlir.register_lowering(primitive, _lowered(code), platform=platform)
    return primitive


def _lowered(code):
    asks = "devices" in inspect.signature(code).parameters

    def rule(context, *operands, **params):
        if asks:
            # Inside of `jax.shard_map` each device runs alone; the context has no number there.
            params["devices"] = getattr(context.module_context.axis_context, "num_devices", 1)
        return mlir.lower_fun(code, multiple_results=True)(context, *operands, **params)

    return rule


def where_needed(need: jax.Array, compute: Callable[[], Any], known: Any) -> Any:
    """Return `compute()` if a row needs it, else what is `known` of the row.

    In a batch, a CPU runs `compute` in a loop over only the rows that need it. A TPU runs it for
    the whole batch if a row needs it. A GPU always runs it and uses no `known`, so that it waits
    for no decision; so `compute` must be right for every row.

    Args:
        need: scalar bool.
        compute: a function of no arguments, about one row. It should read large arrays that exist
            already: an array that is made outside of it is made for every row.
        known: arrays like the result of `compute`.
    """
    known, tree = jax.tree.flatten(known)
    closed = jax.make_jaxpr(lambda: jax.tree.leaves(compute()))()
    operands = [need, *known, *closed.consts]
    outs = _needed.bind(
        *(jnp.asarray(x)[None] for x in operands), jaxpr=closed.jaxpr, count=len(known)
    )
    return jax.tree.unflatten(tree, [x[0] for x in outs])


def _like_known(need, *operands, jaxpr, count):
    rows = _rows((need, *operands))
    return [x.update(shape=(rows, *x.shape[1:]), weak_type=False) for x in operands[:count]]


def _rows(operands):
    return _whole(x.shape[0] for x in operands)


def _whole(sizes):
    """Return the one size that is not 1; `jax.export` may leave it open, so it has no order."""
    return next((size for size in sizes if size != 1), 1)


def _each_row(xs, rows):
    return [jnp.broadcast_to(x, (rows, *x.shape[1:])) for x in xs]


def _one(jaxpr, consts):
    return jaxpr_as_fun(ClosedJaxpr(jaxpr, list(consts)))()


def _of_all(need, *operands, jaxpr, count):
    rows, consts = _rows((need, *operands)), operands[count:]
    shared = [x.shape[0] != rows for x in consts]
    consts = [x[0] if one else x for x, one in zip(consts, shared, strict=True)]
    axes = [None if one else 0 for one in shared]
    return jax.vmap(lambda *row: _one(jaxpr, row), in_axes=axes, axis_size=rows)(*consts)


def _of_all_that_need(need, *operands, **params):
    computed = _of_all(need, *operands, **params)
    rows = [need.reshape(-1, *[1] * (x.ndim - 1)) for x in computed]
    return [jnp.where(*some) for some in zip(rows, computed, operands, strict=False)]


def _of_all_if_any(need, *operands, **params):
    def computed():
        return _of_all_that_need(need, *operands, **params)

    known = _each_row(operands[: params["count"]], _rows((need, *operands)))
    return lax.cond(jnp.any(need), computed, lambda: known)


def _one_by_one(need, *operands, jaxpr, count):
    rows, consts = _rows((need, *operands)), operands[count:]
    need, *known = _each_row((need, *operands[:count]), rows)
    if rows == 1:  # XLA would hoist the only row out of a loop and always compute it
        first = [x[0] for x in consts]
        found = lax.cond(need[0], lambda: _one(jaxpr, first), lambda: [x[0] for x in known])
        return [x[None] for x in found]

    # One walk through the rows: a search among all of them for each next one would be quadratic.
    def following(i):
        return lax.while_loop(lambda i: (i < rows) & ~need[i], lambda i: i + 1, i)

    def run(carry):
        i, outs = carry
        row = _one(jaxpr, [_row(x, i) for x in consts])
        return following(i + 1), [x.at[i].set(new) for x, new in zip(outs, row, strict=True)]

    return lax.while_loop(lambda carry: carry[0] < rows, run, (following(jnp.int32(0)), known))[1]


def _row(x, i):
    if x.shape[0] == 1:
        return x[0]
    # Written out: a slice at a traced index inside a loop over tokens is not vectorised.
    return lax.optimization_barrier(lax.dynamic_index_in_dim(x, i, keepdims=False))


_needed = per_row(
    "where_needed", _like_known, _of_all, cpu=_one_by_one, tpu=_of_all_if_any, shares=True
)


def _derivative(primals, tangents, **params):
    # Loops have no reverse mode, so a derivative computes every row.
    tangents = tuple(map(ad.instantiate_zeros, tangents))
    return jax.jvp(functools.partial(_of_all_that_need, **params), tuple(primals), tangents)


ad.primitive_jvps[_needed] = _derivative


def once(x: jax.Array) -> jax.Array:
    """Return `x`, computed once on a CPU.

    XLA on a CPU would compute a threshold, with its logarithms, anew for every token that is
    compared with it. On an accelerator that costs nothing, and a kernel of its own costs more.
    """
    return _once.bind(x[None])[0][0]


def _same(x):
    return [x]


_once = per_row("once", _same, _same, cpu=lambda x: [lax.optimization_barrier(x)])
ad.primitive_jvps[_once] = lambda primals, tangents: (_once.bind(*primals), tangents)
