"""The base class of transforms and its decorator."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform, overload

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._compiled import compiled
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._hyperparameters import Hyperparameters, frozen
from jaxsample.transforms.rows._row import Row

KINDS = "order", "set", "token"

T = TypeVar("T", bound="Transform")


class Transform(Hyperparameters):
    """A map from one row of logits `[V]` to one row of logits `[V]` float32.

    Subclass it and decorate the subclass with `transform`. Implement either `on` (and `after`),
    which read a row, or `__call__` (and `update`), which read an array. The base class derives the
    other pair.

    All transforms compute in float32. A masked token is exactly -inf and stays masked. A row with a
    NaN, or with nothing above -inf, returns as all NaN. If the maximum is +inf, the +inf entries
    become 0 and all others -inf.

    Transforms with equal class, structure, static fields and values compare equal and have the
    same hash; see `__eq__`.

    >>> @transform(kind="order")
    ... class Within(Transform):
    ...     gap: float = field(low=0.0)
    ...     def on(self, row, state=None, hidden=None):
    ...         return row.keep(row.max - self.gap)
    >>> Within(0.5)(jnp.array([0.0, 2.0, 1.75]))
    Array([-inf, 2.  , 1.75], dtype=float32)
    """

    kind: str = "token"

    def init(self, key: jax.Array | None, prompt: Any) -> Any:
        """Return the state before the first token.

        Args:
            key: a PRNG key, or None.
            prompt: the row's `Prompt`, or None.

        Raises:
            ValueError: if the transform needs the key or the prompt and got None.
        """
        del key, prompt
        return ()

    @compiled
    def __call__(
        self, logits: Any, state: Any = None, hidden: jax.Array | None = None
    ) -> jax.Array:
        """Transform one row.

        Args:
            logits: `[V]`; use `jax.vmap` for a batch.
            state: the result of `init` or `update`. None means `init` without a prompt.
            hidden: `[D]`, the model's last hidden state, or None.

        Raises:
            ValueError: if `logits` is not one row.
        """
        return self.on(Row.of(logits), self._state(state), hidden).logits

    @compiled
    def update(self, state: Any, logits: Any, token: Any, hidden: jax.Array | None = None) -> Any:
        """Return the state after `token` was drawn; `logits` `[V]` is what `__call__` was given."""
        return self.after(Row.of(logits), self._state(state), token, hidden)

    def on(self, row: Row, state: Any = None, hidden: jax.Array | None = None) -> Row:
        """Transform a row; implement this method in transforms of the kind "order"."""
        if type(self).__call__ is Transform.__call__:
            raise NotImplementedError(f"{type(self).__name__} defines neither on nor __call__")
        out = Row.of(self(row.logits, state, hidden), row.filters)
        if row.filters or self.kind == "token":
            return out
        values = jnp.where(row.kept & ~out.kept, row.values, out.values)
        return dataclasses.replace(Row.holding(values, out.valid), filters=False)

    def after(self, row: Row, state: Any, token: jax.Array, hidden: jax.Array | None = None) -> Any:
        """Return the state after `token` was drawn; `row` is the argument of `on`."""
        if type(self).update is Transform.update:
            return state
        return self.update(state, row.logits, token, hidden)

    def through(self, row: Row, state: Any, hidden: jax.Array | None) -> tuple[Row, Any]:
        """Transform a row, and return with it the values that `settle` needs."""
        return self.on(row, state, hidden), row

    def settle(self, received: Any, state: Any, token: jax.Array, hidden: jax.Array | None) -> Any:
        """Return the state after `token`, from the values that `through` returned."""
        return self.after(received, state, token, hidden)

    def _state(self, state):
        return self.init(None, None) if state is None else state


@overload
@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def transform(cls: type[T], *, kind: str = "token") -> type[T]: ...


@overload
@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
def transform(cls: None = None, *, kind: str = "token") -> Callable[[type[T]], type[T]]: ...


def transform(cls: Any = None, *, kind: str = "token") -> Any:
    """Make a subclass of `Transform` a frozen pytree whose fields are leaves.

    Flattening never validates and unflattening never calls the constructor, so leaves may be
    gradients, axes, None or any object. A `__call__` that the class defines receives a float32 row
    without NaN or +inf, and a state that is never None.

    Args:
        cls: the class; omitted when the decorator is called with a kind.
        kind: "order" (keeps the order of tokens), "set" (may reorder tokens or drop the maximum,
            keeps at least one token) or "token" (depends on token ids, may drop every token).

    Raises:
        ValueError: if `kind` is none of the three, or the class is not a `Transform`.

    >>> @transform
    ... class Reverse(Transform):
    ...     def __call__(self, logits, state=None, hidden=None):
    ...         return -logits
    >>> chain(Reverse(), TopK(1))(jnp.array([0.0, 2.0, 1.0]))
    Array([ -0., -inf, -inf], dtype=float32)
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}, got {kind!r}")
    if cls is None:
        return functools.partial(transform, kind=kind)
    if not isinstance(cls, type) or not issubclass(cls, Transform):
        raise ValueError(f"@transform decorates a subclass of Transform, got {cls!r}")
    made: Any = frozen(cls)
    if not isinstance(made.__dict__.get("kind"), property):
        made.kind = kind
    for pair in (("on", "__call__"), ("after", "update")):
        for mine, other in (pair, pair[::-1]):  # the base class derives the other method again
            if mine in made.__dict__ and other not in made.__dict__:
                setattr(made, other, getattr(Transform, other))
    if not hasattr(made.__call__, "compiled"):
        made.__call__ = compiled(_shared_semantics(made.__call__))
    for name in {"init", "update"} & set(vars(made)):
        setattr(made, name, compiled(getattr(made, name)))
    return made


def _shared_semantics(call):
    @functools.wraps(call)
    def guarded(self, logits, state=None, hidden=None):
        row = Row.of(logits)
        out = jnp.asarray(call(self, row.values, self._state(state), hidden))
        if out.shape != row.values.shape:
            name = type(self).__name__
            raise ValueError(
                f"{name} must return one row {list(row.values.shape)}, got {list(out.shape)}"
            )
        out = Row.of(jnp.where(row.kept, out.astype(jnp.float32), -jnp.inf))
        return jnp.where(row.valid, out.logits, jnp.nan)

    return guarded
