"""The names and static fields of classes in the files of `jax.export`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from jax import export

T = TypeVar("T")

_ambiguous: set[str] = (
    set()
)  # names that two classes have, so that a file cannot say which it means


def name_of(cls: type) -> str:
    """Return the package and the name of a class, which stay if its module moves.

    >>> name_of(TopK)
    'jaxsample.TopK'
    """
    return f"{cls.__module__.partition('.')[0]}.{cls.__qualname__}"


def exported(cls: type[T]) -> type[T]:
    """Let `jax.export` serialise functions that take or return this class of named tuples."""
    return export.register_namedtuple_serialization(cls, serialized_name=name_of(cls))


def export_hyperparameters(cls: Any, leaves: Sequence[str], static: Sequence[str]) -> None:
    """Let `jax.export` serialise functions that take or return a subclass of `Hyperparameters`.

    The file holds the names of the fields, and the static fields as JSON.

    Args:
        cls: the class, a pytree already.
        leaves, static: the names of its fields, in the order of the tree.
    """
    name = name_of(cls)

    def check():
        if name in _ambiguous:
            raise ValueError(
                f"two classes are named {name}, so a file could not say which one it means: rename "
                "one, or start Python again if you ran the code of the class twice"
            )

    def write(values):
        check()
        try:
            written = cls.static_to_json(dict(zip(static, values, strict=True)))
            return json.dumps({"leaves": leaves, "static": written}).encode()
        except TypeError as error:
            raise ValueError(
                f"{name} has a static field that JSON cannot hold ({error}): export a function "
                "that makes the transform inside, from arrays"
            ) from error

    def read(data):
        check()
        written = json.loads(bytes(data))
        fields = cls.static_from_json(written["static"])
        if written["leaves"] != list(leaves) or set(fields) != set(static):
            raise ValueError(
                f"the file was exported when {name} had the fields {written['leaves']} and "
                f"{sorted(fields)}, now it has {list(leaves)} and {sorted(static)}; export it again"
            )
        return tuple(fields[field] for field in static)

    register = export.register_pytree_node_serialization
    try:
        register(cls, serialized_name=name, serialize_auxdata=write, deserialize_auxdata=read)
    except ValueError:  # JAX knows the name already and has no way to replace it
        _ambiguous.add(name)
        again = f"{name} {id(cls)}"
        register(cls, serialized_name=again, serialize_auxdata=write, deserialize_auxdata=read)
