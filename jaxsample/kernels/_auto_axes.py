"""Meshes with Explicit axes: code that is written for Auto axes runs there too."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec


def in_auto(
    fn: Callable[..., Any], specs: Callable[..., Any] = lambda *_, **__: PartitionSpec()
) -> Callable[..., Any]:
    """Make `fn` run with Auto axes wherever its arguments or the context have Explicit ones.

    With Explicit axes the sharding is part of the type of an array. Then every operation needs a
    rule for the type of its result, and sorts, gathers and loops over a sharded row have none. With
    Auto axes the compiler chooses. Without Explicit axes this does nothing.

    Call it inside of `jax.jit`. No data moves when the arguments enter. The results leave with the
    specs, so the code that is called next knows their types.

    Args:
        fn: a function of pytrees.
        specs: maps the arguments to the `PartitionSpec` of the results, or to a tree of specs that
            is a prefix of the results. A spec is padded or cut to the rank of its result. Results
            are replicated by default; `jax.vmap` adds the axis of the batch.

    >>> double = jax.jit(in_auto(lambda x: 2 * x))
    >>> double(jnp.ones(3)).tolist()
    [2.0, 2.0, 2.0]
    """

    @functools.wraps(fn)
    def call(*args, **named):
        mesh = explicit_mesh((args, named))
        if mesh is None:
            return fn(*args, **named)
        auto = mesh.update_axis_types({name: AxisType.Auto for name in mesh.explicit_axes})
        with jax.sharding.use_abstract_mesh(auto):
            entered = functools.partial(_put, auto, PartitionSpec())
            some, more = jax.tree.map(entered, (args, named))
            results = fn(*some, **more)
        given = jax.tree.broadcast(specs(*args, **named), results)
        return jax.tree.map(functools.partial(_put, mesh), given, results)

    return call


def spec(x: jax.Array) -> PartitionSpec:
    """Return the Explicit axes over which each dimension of an array is sharded."""
    return jax.typeof(x).sharding.spec


def rows(first: Any, *_: Any) -> PartitionSpec:
    """Return the spec of results `[B, ..]`: the batch is sharded as in the first argument."""
    return PartitionSpec(*spec(first)[:1])


def alike(first: Any, *_: Any) -> Any:
    """Return the specs of results that are sharded as the first argument is."""
    return jax.tree.map(spec, first)


def explicit_mesh(args) -> AbstractMesh | None:
    """Return the mesh with Explicit axes that the context or an argument has."""
    context = jax.sharding.get_abstract_mesh()
    if context.explicit_axes:
        return context
    meshes = (jax.typeof(x).sharding.mesh for x in jax.tree.leaves(args))
    return next((mesh for mesh in meshes if mesh.explicit_axes), None)


def _put(mesh, axes, x):
    shape = jax.typeof(x).shape
    axes = (*axes, *[None] * len(shape))[: len(shape)]
    # A dimension that the devices do not divide is replicated.
    fit = (a if n % _devices(mesh, a) == 0 else None for a, n in zip(axes, shape, strict=True))
    return jax.sharding.reshard(x, NamedSharding(mesh, PartitionSpec(*fit)))


def _devices(mesh, axes):
    names = axes if isinstance(axes, tuple) else (axes,)
    return math.prod(mesh.shape[name] for name in names if name is not None)
