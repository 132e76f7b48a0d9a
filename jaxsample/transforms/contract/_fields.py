"""Fields of a transform: their dtype, their range, and whether they train."""

import dataclasses
import math
from collections.abc import Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxsample.transforms.contract._token_ids import as_int32, pack_ids, pack_sequences

_DTYPES = {
    "float": np.float32,
    "FloatLeaf": np.float32,
    "int": np.int32,
    "IntLeaf": np.int32,
}

_LARGEST = float(np.finfo(np.float32).max)


class Spec(NamedTuple):
    """The arguments of `field` for one field."""

    low: float | None = None
    high: float | None = None
    static: bool = False
    fixed: bool = False


def field(
    *,
    default: Any = dataclasses.MISSING,
    low: float | None = None,
    high: float | None = None,
    static: bool = False,
    fixed: bool = False,
) -> Any:
    """Declare a field of a transform.

    A field annotated `float` or `FloatLeaf` is a float32 leaf. A field annotated `int` or `IntLeaf`
    is an int32 leaf. With any other annotation the value is kept as it is; it may be any pytree.

    Args:
        default: the value if the constructor is given none.
        low, high: the inclusive range of Python numbers. Arrays are not checked.
        static: whether the field is part of the tree's structure instead of a leaf. Functions of
            the transform compile again for every new value of a static field.
        fixed: whether `partition` always counts the leaf as not trainable.

    >>> @transform
    ... class Scale(Transform):
    ...     by: float = field(default=1.0, low=0.0)
    ...     def __call__(self, logits, state=None, hidden=None):
    ...         return self.by * logits
    >>> Scale(2), jax.tree.leaves(Scale(2))
    (Scale(by=2.0), [np.float32(2.0)])
    >>> Scale(-1)
    Traceback (most recent call last):
    ValueError: Scale: by must be a number in [0, inf], got -1
    """
    spec = Spec(low, high, static, fixed)
    return dataclasses.field(default=default, metadata={"spec": spec})


def spec_of(f: dataclasses.Field) -> Spec:
    """Return the declaration of a dataclass field."""
    return f.metadata.get("spec", Spec())


def cast(owner: str, f: dataclasses.Field, value: Any) -> Any:
    """Cast the value of a field to the field's dtype, and check Python numbers.

    Raises:
        ValueError: if a Python number lies outside the field's range, or the value is not a number.
    """
    # Annotations are strings under `from __future__ import annotations`.
    name = f.type if isinstance(f.type, str) else getattr(f.type, "__name__", "")
    annotation = name.rpartition(".")[2]
    dtype = _DTYPES.get(annotation)
    spec = spec_of(f)
    if spec.static and not isinstance(value, Hashable):
        raise ValueError(f"{owner}: {f.name} is static and must be hashable, got {value!r}")
    if annotation == "IdsLeaf":
        return pack_ids(f"{owner}: {f.name}", value, int(spec.low or 0))
    if annotation == "SequencesLeaf":
        return pack_sequences(f"{owner}: {f.name}", value)
    if dtype is not None and isinstance(value, int | float):
        _check(owner, f.name, spec, dtype, value)
        return value if spec.static else dtype(value)
    if spec.static or dtype is None:
        return value
    if not isinstance(value, jax.Array):
        value = _numbers(f"{owner}: {f.name}", value)
    if dtype is np.int32:
        value = as_int32(f"{owner}: {f.name}", value)
    return value.astype(dtype) if isinstance(value, jax.Array) else value.astype(dtype)[()]


def _numbers(name, value):
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" and not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number or an array of numbers, got {value!r}") from None
    return array


def _check(owner, name, spec, dtype, value):
    low = -math.inf if spec.low is None else spec.low
    high = math.inf if spec.high is None else spec.high
    if dtype is np.int32:
        low, high = max(low, -(2**31)), min(high, 2**31 - 1)
    fits = (
        not isinstance(value, bool)
        and low <= value <= high
        and (abs(value) == math.inf or abs(value) <= _LARGEST)
    )
    if not fits or (dtype is np.int32 and value != int(value)):
        kind = "a whole number" if dtype is np.int32 else "a number"
        bounds = f"[{low:.10g}, {high:.10g}]"
        raise ValueError(f"{owner}: {name} must be {kind} in {bounds}, got {value!r}")


def show(value: Any) -> str:
    """Return a field's value as the text of a constructor call, with the shortest decimals."""
    if isinstance(value, Tracer) or not isinstance(value, np.ndarray | np.generic | jax.Array):
        return repr(value)
    if value.size > 8 or not jnp.issubdtype(value.dtype, jnp.number):
        return f"{value.dtype}{list(value.shape)}"
    array = np.asarray(value)
    return str(array) if not array.ndim else "[" + ", ".join(map(show, array)) + "]"


def show_sequences(table: Any) -> str:
    """Return packed sequences as the text of a list of lists, if they are small and on the host."""
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.size > 64:
        return show(table)
    return repr([[int(i) for i in row if i >= 0] for row in table])
