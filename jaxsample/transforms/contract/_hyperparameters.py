"""A frozen pytree of hyperparameters: what transforms and combiners are made of."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax

from jaxsample.transforms.contract._fields import cast, show, spec_of


class Hyperparameters:
    """An object whose fields, declared by `field`, are its leaves.

    The constructor and `replace` cast every number and check Python ones; see `frozen`.
    """

    def __post_init__(self):
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value = cast(type(self).__name__, f, getattr(self, f.name))
            object.__setattr__(self, f.name, value)

    def replace(self, **fields: Any) -> Any:
        """Return a copy with some fields changed, cast and checked as by the constructor."""
        known = [f.name for f in dataclasses.fields(self)]  # type: ignore[arg-type]
        for name in fields:
            if name not in known:
                raise ValueError(f"{type(self).__name__} has no field {name!r}, only {known}")
        return dataclasses.replace(self, **fields)  # type: ignore[type-var]

    @classmethod
    def alike(cls, them: Any) -> Any:
        """Return objects of this class with leaves of equal shapes, for `stack`.

        As they are, unless the class knows how to pad its arrays without changing what they mean.
        """
        return them

    def __repr__(self):
        parts = []
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value = show(getattr(self, f.name))
            if f.default is dataclasses.MISSING or value != show(cast("", f, f.default)):
                parts.append(f"{f.name}={value}")
        return f"{type(self).__name__}({', '.join(parts)})"


def frozen(cls: Any) -> Any:
    """Make a subclass of `Hyperparameters` a frozen dataclass, registered as a pytree.

    Flattening never validates and unflattening never calls the constructor.
    """
    cls = dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)  # type: ignore[assignment]
    _register(cls)
    return cls


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
