"""Plain functions as transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.tree_util import Partial

from jaxsample.transforms.contract._fields import show
from jaxsample.transforms.contract._transform import Transform, transform


@transform(kind="token")
class Function(Transform):
    """Apply a function from one row of logits `[V]` to one row `[V]`.

    A plain function is part of the tree's structure. Define it once, at module level: every new
    function object compiles again. Pass arguments with `jax.tree_util.Partial(fn, x)`, which makes
    them leaves. Give numbers as arrays of one dtype, because a Python int and a Python float
    compile separately. A callable that is a registered pytree keeps its leaves.

    Attributes:
        fn: the function.

    Raises:
        ValueError: if `fn` is not callable.

    >>> Function(jnp.negative)(jnp.array([1.0, 2.0]))
    Array([-1., -2.], dtype=float32)
    """

    fn: Callable[..., Any]

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
        if not isinstance(self.fn, Partial):
            return f"Function({self.fn!r})"
        name = getattr(self.fn.func, "__qualname__", repr(self.fn.func))
        if not (self.fn.args or self.fn.keywords):
            return f"Function({name})"
        words = [f"{k}={show(v)}" for k, v in self.fn.keywords.items()]
        return f"Function(Partial({', '.join([name, *map(show, self.fn.args), *words])}))"
