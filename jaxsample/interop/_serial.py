"""Samplers and combiners written as plain data for JSON, and read from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.tree_util import Partial

from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._fields import show
from jaxsample.transforms.contract._function import Function
from jaxsample.transforms.contract._hyperparameters import Hyperparameters

NAME = "transform"  # the key of the class; no field has this name


def to_dict(sampler: Hyperparameters) -> dict[str, Any]:
    """Describe a transform or combiner as dicts, lists, numbers and strings.

    Each float32 is written with the fewest digits that identify it, so `from_dict` restores every
    leaf bit for bit, also after `json.dumps` and `json.loads`. Leaves may be arrays, such as those
    of a batch of settings.

    Args:
        sampler: any transform, chain or combiner; a `Function` is described by its function's name.

    Raises:
        ValueError: if a field cannot be written as data: a traced value, a network (save a learned
            policy with `jaxsample.learn.save`), or Python code other than a named function.

    >>> to_dict(chain(Temperature(0.7), TopK(40)))["transforms"]
    [{'transform': 'Temperature', 'value': 0.7}, {'transform': 'TopK', 'k': 40}]
    """
    name = type(sampler).__name__
    described: dict[str, Any] = {NAME: name}
    if isinstance(sampler, Function):
        fn = sampler.fn
        return described | _describe_function(fn)
    for f in dataclasses.fields(sampler):
        described[f.name] = _describe(getattr(sampler, f.name), f"{name}.{f.name}")
    return described


def from_dict(data: Mapping[str, Any], also: Mapping[str, Any] | None = None) -> Any:
    """Make the transform or combiner that `to_dict` described.

    Nothing is imported or evaluated: a name is one of the library's transforms, or in `also`. A
    field that the data leave out has the constructor's default.

    Args:
        data: from `to_dict`.
        also: your own transforms and functions by the names they have in `data`.

    Raises:
        ValueError: if a name is not known, a field is unknown, a field without a default is
            missing, or a value has the wrong type or lies outside its range.

    >>> from_dict({"transform": "TopP", "p": 0.9})
    TopP(p=0.9)
    """
    also = also or {}
    if not isinstance(data, Mapping) or not isinstance(data.get(NAME), str):
        raise ValueError(f"a transform is described by a dict with a {NAME!r}, got {data!r}")
    name, given = data[NAME], {k: v for k, v in data.items() if k != NAME}
    try:
        return _made(name, given, also)
    except (TypeError, KeyError, AttributeError) as error:  # a value of the wrong type
        raise ValueError(f"{name} cannot be made of {given!r}: {error}") from error


def _made(name: str, given: dict[str, Any], also: Mapping[str, Any]) -> Any:
    if name == Function.__name__:
        fn = _known(given.get("fn"), also, "function")
        keywords = {k: _restore(v, also) for k, v in given.get("keywords", {}).items()}
        return Function(Partial(fn, *_restore(given.get("args", ()), also), **keywords))
    cls = _known(name, {**_library(), **also}, "transform")
    if cls is Chain:
        return chain(*_restore(given["transforms"], also))
    fields = dataclasses.fields(cls)
    needed = {f.name for f in fields if f.default is dataclasses.MISSING}
    if not needed <= set(given) <= {f.name for f in fields}:
        described = [f.name for f in fields]
        raise ValueError(f"{name} is described by {described}, got {sorted(given)}")
    return cls(**{k: _restore(v, also) for k, v in given.items()})


def _library() -> dict[str, type]:
    home = __name__.split(".")[0] + "."
    return {
        cls.__name__: cls for cls in _subclasses(Hyperparameters) if cls.__module__.startswith(home)
    }


def _subclasses(cls: type) -> Iterator[type]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _known(name, names, what):
    if name not in names:
        raise ValueError(f"no {what} is named {name!r}; pass your own as also={{{name!r}: ..}}")
    return names[name]


def _describe_function(fn):
    name = getattr(fn.func, "__qualname__", "<") if isinstance(fn, Partial) else "<"
    if "<" in name:
        raise ValueError(f"only a function defined at module level has a name to write, got {fn!r}")
    described: dict[str, Any] = {"fn": name}
    if fn.args or fn.keywords:
        described["args"] = _describe(fn.args, name)
        described["keywords"] = {k: _describe(v, name) for k, v in fn.keywords.items()}
    return described


def _describe(value, where):
    if isinstance(value, Hyperparameters):
        return to_dict(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_describe(v, where) for v in value]
    if isinstance(value, np.ndarray | np.generic | jax.Array) and not isinstance(value, Tracer):
        array = np.asarray(value)
        if array.dtype == np.float32:  # the shortest decimal of the float32, not of its float64
            data = np.array([float(show(x)) for x in array.ravel()]).reshape(array.shape).tolist()
        elif array.dtype.kind in "iub":
            data = array.tolist()
        else:
            raise ValueError(f"{where} holds {array.dtype}, which cannot be written as data")
        plain = not array.ndim and array.dtype in (np.float32, np.int32)
        if plain:
            return data
        empty = {} if array.size else {"shape": list(array.shape)}  # a list has no axes to tell
        return {"array": data, "dtype": str(array.dtype)} | empty
    raise ValueError(f"{where} holds a {type(value).__name__}, which cannot be written as data")


def _restore(value: Any, also: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        if "array" in value:
            array = np.asarray(value["array"], value["dtype"])
            return array.reshape(value.get("shape", array.shape))
        return from_dict(value, also)
    if isinstance(value, list | tuple):
        return tuple(_restore(v, also) for v in value)
    return value
