"""One program that several processes run, each with its own devices.

Every function here is collective: all processes call it in the same order. With one process each
does nothing but return its argument.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec

PIECE = 2**24  # bytes that are sent at once, because they pass through the memory of the devices


def is_first() -> bool:
    """Whether this process is the one that writes files."""
    return jax.process_index() == 0


def own(folder: str | Path) -> Path:
    """Return the folder of this process inside of a folder that several may share."""
    return Path(folder, *[str(jax.process_index())] * (jax.process_count() > 1))


def on_other_hosts(tree: Any) -> bool:
    """Whether a part of some array lies on the devices of other processes."""
    leaves = jax.tree.leaves(tree)
    return not all(x.is_fully_addressable for x in leaves if isinstance(x, jax.Array))


def on_device(tree: Any) -> Any:
    """Move a tree to the device, except the arrays that other processes hold parts of."""
    return jax.tree.map(lambda x: x if on_other_hosts(x) else jax.device_put(x), tree)


def whole(x: Any) -> np.ndarray:
    """Return all of an array, of which other processes may hold parts, on every process."""
    if isinstance(x, jax.Array) and not (x.is_fully_addressable or x.is_fully_replicated):
        return np.asarray(multihost_utils.process_allgather(x, tiled=True))
    return np.asarray(jax.device_get(x))


def gathered(value: Any) -> list[Any]:
    """Return the value of every process, which must be what JSON can hold."""
    if jax.process_count() == 1:
        return [value]
    told = np.frombuffer(json.dumps(value).encode(), np.uint8)
    sizes = multihost_utils.process_allgather(np.int32(told.size))
    parts = multihost_utils.process_allgather(_padded(told, int(sizes.max())))
    rows = (np.asarray(part, np.uint8)[:size] for part, size in zip(parts, sizes, strict=True))
    return [json.loads(row.tobytes()) for row in rows]


def of_first(make: Callable[[], Any]) -> Any:
    """Call `make` on the first process alone; return its result, as JSON can hold, on all.

    Raises:
        ValueError: on all processes, if `make` raises it.
        RuntimeError: on the other processes, if `make` raises anything else. On the first the error
            is its own.
    """
    if jax.process_count() == 1:
        return make()
    told, failure = np.zeros(0, np.uint8), None
    if is_first():
        try:
            text = json.dumps({"value": make()})
        except Exception as error:
            kind = None if isinstance(error, ValueError) else type(error).__name__
            failure, text = error, json.dumps({"error": str(error), "kind": kind})
        told = np.frombuffer(text.encode(), np.uint8)
    pieces = np.asarray(divmod(told.size, PIECE), np.int32)
    full, rest = map(int, multihost_utils.broadcast_one_to_all(pieces))
    parts = []
    for i, size in enumerate([PIECE] * full + [rest]):
        piece = _padded(told[i * PIECE :][:size], size)
        parts.append(np.asarray(multihost_utils.broadcast_one_to_all(piece), np.uint8)[:size])
    outcome = json.loads(b"".join(part.tobytes() for part in parts))
    if failure is not None:
        raise failure
    if "value" in outcome:
        return outcome["value"]
    if outcome["kind"] is None:
        raise ValueError(outcome["error"])
    raise RuntimeError(f"process 0 stopped: {outcome['kind']}: {outcome['error']}")


def by_all(make: Callable[[], Any]) -> list[Any]:
    """Call `make` on every process; return all results, as JSON can hold, on all.

    Raises:
        RuntimeError: on the processes where `make` did not raise, if it did on another. There the
            error is its own.
    """
    if jax.process_count() == 1:
        return [make()]
    failure = None
    try:
        mine = {"value": make()}
    except Exception as error:
        failure, mine = error, {"error": f"{type(error).__name__}: {error}"}
    told = gathered(mine)
    if failure is not None:
        raise failure
    for process, outcome in enumerate(told):
        if "error" in outcome:
            raise RuntimeError(f"process {process} stopped: {outcome['error']}")
    return [outcome["value"] for outcome in told]


@contextlib.contextmanager
def reported(kept: str) -> Iterator[None]:
    """Say what to do after another process has ended, since JAX reports a lost connection.

    Args:
        kept: a sentence about what a new run begins with.

    Raises:
        RuntimeError: if JAX fails in the body of the `with` block and there are other processes.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1:
            raise
        raise RuntimeError(
            f"process {jax.process_index()} of {jax.process_count()} stopped, because another one "
            f"was killed or failed, or JAX did ({str(error).partition(chr(10))[0]}); {kept}"
        ) from error


def by_rows(params: Any) -> Callable[[Any], Any]:
    """Return a function that places trees of arrays `[B, ..]` on the mesh of `params`.

    Their rows are split over the axes of the mesh that split no parameter, if the devices of these
    divide B, so that each process computes some of the rows. Arrays that other processes hold parts
    of stay where they are; if there is none among `params`, all arrays do.
    """
    leaves = [x for x in jax.tree.leaves(params) if on_other_hosts(x)]
    if not leaves:
        return lambda tree: tree
    mesh = leaves[0].sharding.mesh
    used = {name for x in leaves for axes in x.sharding.spec for name in _names(axes)}
    free = tuple(name for name in mesh.axis_names if name not in used)
    devices = math.prod(mesh.shape[name] for name in free)

    def place(x: Any) -> jax.Array:
        if on_other_hosts(x):
            return x
        if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            data = place(jax.random.key_data(x))
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
        x = np.asarray(x)
        split = x.ndim > 0 and x.shape[0] % devices == 0
        at = NamedSharding(mesh, PartitionSpec(free) if split else PartitionSpec())
        return jax.make_array_from_callback(x.shape, at, lambda part: x[part])

    return lambda tree: jax.tree.map(place, tree)


def as_first(tree: Any) -> Any:
    """Return the arrays of the first process, given arrays of the same shapes and types."""
    return tree if jax.process_count() == 1 else multihost_utils.broadcast_one_to_all(tree)


def _names(axes: Any) -> tuple[str, ...]:
    return () if axes is None else (axes,) if isinstance(axes, str) else axes


def _padded(told: np.ndarray, size: int) -> np.ndarray:
    # Few sizes, because each compiles.
    room = np.zeros(1 << max(size - 1, 1).bit_length(), np.uint8)
    room[: told.size] = told
    return room
