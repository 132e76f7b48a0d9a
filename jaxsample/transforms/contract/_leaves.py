"""Annotations of fields that are arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import jax
import numpy as np

Given = TypeVar("Given")


class Leaf(Generic[Given]):
    """A field whose constructor takes a `Given` and whose attribute is an array.

    Only type checkers read these methods. At run time the class is an annotation for `field`.
    """

    if TYPE_CHECKING:

        @overload
        def __get__(self, owner: None, cls: Any) -> Leaf[Given]: ...
        @overload
        def __get__(self, owner: object, cls: Any = None) -> jax.Array: ...
        def __get__(self, owner: Any, cls: Any = None) -> Any: ...
        def __set__(self, owner: object, value: Given) -> None: ...


class FloatLeaf(Leaf[float | np.number | np.ndarray | jax.Array | list[Any] | tuple[Any, ...]]):
    """Annotation of a float32 leaf whose constructor also takes arrays, traced ones too.

    At run time it means the same as `float`. To a type checker, the constructor of a class with
    such a field takes a number, an array, or a list of numbers, and the attribute is an array.

    >>> @transform(kind="order")
    ... class Within(Transform):
    ...     gap: FloatLeaf = field(low=0.0)
    ...     def on(self, row, state=None, hidden=None):
    ...         return row.keep(row.max - self.gap)
    >>> Within(jnp.float32(0.5))
    Within(gap=0.5)
    """


class IntLeaf(Leaf[int | np.integer | np.ndarray | jax.Array | list[Any] | tuple[Any, ...]]):
    """Annotation of an int32 leaf whose constructor also takes arrays; see `FloatLeaf`.

    >>> @transform(kind="order")
    ... class Best(Transform):
    ...     k: IntLeaf = field(low=1)
    ...     def on(self, row, state=None, hidden=None):
    ...         return row.keep(row.kth(self.k))
    >>> Best(jnp.int32(2))
    Best(k=2)
    """


class IdsLeaf(
    Leaf[
        int | np.integer | np.ndarray | jax.Array | list[Any] | tuple[Any, ...] | range
        | set[int] | frozenset[int]
    ]
):  # fmt: skip
    """Annotation of an int32 leaf `[N]` of token ids, given as one id or a collection of ids."""


class SequencesLeaf(
    Leaf[np.ndarray | jax.Array | list[Any] | tuple[Any, ...] | set[Any] | frozenset[Any]]
):
    """Annotation of an int32 leaf `[S, L]` of token sequences, padded with -1 on the right."""
