"""A plain function as a transform."""

from __future__ import annotations

from typing import Any

import jax
from jax.tree_util import Partial

from jaxsample.transforms.base import Transform, transform


@transform(kind="token")
class Function(Transform):
    """Apply a function from one row of logits `[V]` to one row `[V]`.

    A plain function is part of the tree's structure: define it once, at module level, or every new
    object compiles anew. What it needs goes through `jax.tree_util.Partial(fn, x)`, whose arguments
    are leaves. A callable that is a registered pytree stays one.

    Attributes:
        fn: the function.

    Raises:
        ValueError: if `fn` is not callable.

    >>> Function(jnp.negative)(jnp.array([1.0, 2.0]))
    Array([-1., -2.], dtype=float32)
    """

    fn: Any

    def __post_init__(self):
        if not callable(self.fn) or isinstance(self.fn, type):
            raise ValueError(f"a transform or a function of a row is needed, got {self.fn!r}")
        if isinstance(self.fn, Transform):
            raise ValueError(f"{type(self.fn).__name__} must be decorated with @transform")
        if jax.tree_util.all_leaves([self.fn]):
            object.__setattr__(self, "fn", Partial(self.fn))

    def __call__(self, logits, state=None, hidden=None):
        del state, hidden
        return self.fn(logits)

    def __repr__(self):
        fn = self.fn.func if isinstance(self.fn, Partial) else self.fn
        return f"Function({getattr(fn, '__qualname__', fn)})"
