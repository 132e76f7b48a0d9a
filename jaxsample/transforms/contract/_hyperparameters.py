"""Frozen pytrees of hyperparameters, the base of transforms and combiners."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

import jax
import numpy as np
from jax.core import Tracer

from jaxsample.transforms.contract._exported import export_hyperparameters
from jaxsample.transforms.contract._fields import cast, field, show, spec_of

C = TypeVar("C")


class Hyperparameters:
    """An object whose fields, declared with `field`, are its leaves.

    The constructor and `replace` cast every number and check Python numbers. Decorate subclasses
    with `frozen`.
    """

    # Tells type checkers that subclasses are dataclasses.
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __post_init__(self):
        for f in dataclasses.fields(self):
            value = cast(type(self).__name__, f, getattr(self, f.name))
            object.__setattr__(self, f.name, value)

    def replace(self, **fields: Any) -> Self:
        """Return a copy with some fields changed, cast and checked like constructor arguments."""
        known = [f.name for f in dataclasses.fields(self)]
        for name in fields:
            if name not in known:
                raise ValueError(f"{type(self).__name__} has no field {name!r}, only {known}")
        return dataclasses.replace(self, **fields)

    @classmethod
    def alike(cls, them: Any) -> Any:
        """Return objects of this class whose leaves have equal shapes, for `stack`.

        The default returns them unchanged. A class overrides this if it can pad its arrays without
        changing their meaning.
        """
        return them

    @classmethod
    def static_to_json(cls, fields: dict[str, Any]) -> Any:
        """Return the static fields, by name, as data that JSON can hold, for `jax.export`."""
        return fields

    @classmethod
    def static_from_json(cls, data: Any) -> dict[str, Any]:
        """Return the static fields by name from what `static_to_json` returned."""
        return {name: _hashable(value) for name, value in data.items()}

    def __eq__(self, other: object) -> bool:
        """Compare class, tree structure, static fields, and leaves by dtype, shape and bytes.

        Two objects of which one holds a value that cannot be read, such as a traced array, are
        equal only if they are the same object. The hash follows the same rule, so objects of
        concrete values are keys of a dict and static arguments of `jax.jit`.
        """
        if type(self) is not type(other):
            return NotImplemented
        return self is other or _identity(self) == _identity(other)

    def __hash__(self) -> int:
        return hash(_identity(self))

    def __repr__(self):
        parts = [f"{f.name}={value}" for f, value in shown_fields(self)]
        return f"{type(self).__name__}({', '.join(parts)})"

    def _repr_html_(self) -> str:
        from jaxsample.transforms.contract._cards import as_html

        return as_html([self])


def shown_fields(self: Hyperparameters) -> list[tuple[dataclasses.Field, str]]:
    """Return the fields that differ from their defaults, each with its value as text."""
    fields = [(f, show(getattr(self, f.name))) for f in dataclasses.fields(self)]
    return [
        (f, value)
        for f, value in fields
        if f.default is dataclasses.MISSING or value != show(cast("", f, f.default))
    ]


def _hashable(data):
    return tuple(map(_hashable, data)) if isinstance(data, list) else data


def _identity(self: Any) -> Any:
    """Return a hashable value that is equal for equal objects."""
    if jax.tree_util.all_leaves([self]):  # no pytree: its class lacks the decorator
        return id(self)
    leaves, structure = jax.tree.flatten(self)
    try:
        values = tuple(map(_value, leaves))
        hash(values)
    except TypeError:
        return id(self)
    return structure, values


def _value(leaf):
    """Return a leaf as something hashable; TypeError if its value cannot be read."""
    if not isinstance(leaf, np.ndarray | np.generic | jax.Array):
        return type(leaf), leaf
    dtype = leaf.dtype
    if isinstance(leaf, jax.Array):
        if isinstance(leaf, Tracer) or leaf.is_deleted() or not leaf.is_fully_addressable:
            raise TypeError
        if jax.numpy.issubdtype(dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
    array = np.asarray(jax.device_get(leaf))
    return dtype, array.shape, array.tobytes()


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def frozen(cls: type[C]) -> type[C]:
    """Make a subclass of `Hyperparameters` a frozen dataclass, registered as a pytree.

    Flattening never validates and unflattening never calls the constructor.
    """
    made = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
    _register(made)
    return made


def _register(cls):
    fields = dataclasses.fields(cls)
    leaves = tuple(f.name for f in fields if not spec_of(f).static)
    static = tuple(f.name for f in fields if spec_of(f).static)
    keys = tuple(jax.tree_util.GetAttrKey(name) for name in leaves)

    def flatten(self):
        children = tuple(getattr(self, name) for name in leaves)
        return children, tuple(getattr(self, name) for name in static)

    def flatten_with_keys(self):
        children, aux = flatten(self)
        return tuple(zip(keys, children, strict=True)), aux

    def unflatten(aux, children):
        self = object.__new__(cls)
        for names, values in ((leaves, children), (static, aux)):
            for name, value in zip(names, values, strict=True):
                object.__setattr__(self, name, value)
        return self

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    export_hyperparameters(cls, leaves, static)
