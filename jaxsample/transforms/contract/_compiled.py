"""Methods that compile once when they are called outside `jax.jit`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from jaxsample.kernels._auto_axes import alike, in_auto

M = TypeVar("M", bound=Callable[..., Any])

# Errors of JAX for Python code that needs the value of a traced array.
NEEDS_A_VALUE = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerBoolConversionError,
    jax.errors.TracerIntegerConversionError,
)


def compiled(method: M) -> M:
    """Compile a method of a pytree once for each structure, shape and dtype of its arguments.

    Loops and branches that run outside `jax.jit` are compiled again at every call, because JAX
    cannot know that their bodies are the same. Inside an outer `jax.jit` the method is inlined.

    A class that is no pytree, because it lacks its decorator, runs uncompiled.
    """
    if hasattr(method, "compiled"):
        return method
    names = list(inspect.signature(method).parameters)[1:]

    def specs(self, first=None, *_, **named):
        # Logits return as they came, and so does a state; `init` returns whole arrays.
        return alike(named.get(names[0], first)) or PartitionSpec()

    once = jax.jit(in_auto(method, specs), inline=True)
    row = names.index("logits") if "logits" in names else None

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        if jax.tree_util.all_leaves([self]):
            return method(self, *args, **kwargs)
        # A list would be one argument of the compiled function for each of its numbers.
        if row is not None and row < len(args) and isinstance(args[row], list):
            args = (*args[:row], jnp.asarray(args[row]), *args[row + 1 :])
        try:
            return once(self, *args, **kwargs)
        except NEEDS_A_VALUE as error:
            error.add_note(
                f"{type(self).__name__}.{method.__name__} is compiled: a Python `if`, a Python "
                "loop or numpy cannot depend on the values of its arrays. Use jnp.where or "
                "jax.lax, or declare the field with field(static=True)."
            )
            raise

    setattr(call, "compiled", once)  # noqa: B010  # type checkers know no attribute of a function
    return cast(M, call)
