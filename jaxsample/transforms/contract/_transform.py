"""The contract of a transform, and the decorator that makes a class one."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._compiled import compiled
from jaxsample.transforms.contract._hyperparameters import Hyperparameters, frozen
from jaxsample.transforms.rows._row import Row

KINDS = "order", "set", "token"


class Transform(Hyperparameters):
    """Maps one row of logits `[V]` to one row of logits `[V]` float32.

    Subclass it, decorate the class with `transform`, and write either `on` (and `after`), against
    a row, or `__call__` (and `update`), against an array; the other pair follows.

    Semantics every transform shares: float32 inside; masked tokens are exactly -inf and nothing
    revives them; a row with a NaN, or with nothing above -inf, comes back as all NaN; a maximum of
    +inf leaves the +inf entries at 0 and the rest at -inf.

    >>> @transform(kind="order")
    ... class Within(Transform):
    ...     gap: float = field(low=0.0)
    ...     def on(self, row, state=None, hidden=None):
    ...         return row.keep(row.max - self.gap)
    >>> Within(0.5)(jnp.array([0.0, 2.0, 1.75]))
    Array([-inf, 2.  , 1.75], dtype=float32)
    """

    kind = "token"
    windowed = False

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
        self, logits: jax.Array, state: Any = None, hidden: jax.Array | None = None
    ) -> jax.Array:
        """Transform one row.

        Args:
            logits: `[V]`; batches by `jax.vmap`.
            state: from `init` or `update`; None means as `init` without a prompt.
            hidden: `[D]`, the model's last hidden state, or None.

        Raises:
            ValueError: if `logits` is not one row.
        """
        return self.on(Row.of(logits), self._state(state), hidden).logits

    @compiled
    def update(
        self, state: Any, logits: jax.Array, token: jax.Array, hidden: jax.Array | None = None
    ) -> Any:
        """Return the state after `token` was drawn; `logits` `[V]` is what this one received."""
        return self.after(Row.of(logits), self._state(state), token, hidden)

    def on(self, row: Row, state: Any = None, hidden: jax.Array | None = None) -> Row:
        """Transform a row; write an order transform here."""
        if type(self).__call__ is Transform.__call__:
            raise NotImplementedError(f"{type(self).__name__} defines neither on nor __call__")
        out = Row.of(self(row.logits, state, hidden), row.filters)
        if row.filters or self.kind == "token":
            return out
        values = jnp.where(row.kept & ~out.kept, row.values, out.values)
        return dataclasses.replace(out, values=values)

    def after(self, row: Row, state: Any, token: jax.Array, hidden: jax.Array | None = None) -> Any:
        """Return the state after `token` was drawn; `row` is what this transform received."""
        if type(self).update is Transform.update:
            return state
        return self.update(state, row.logits, token, hidden)

    def through(self, row: Row, state: Any, hidden: jax.Array | None) -> tuple[Row, Any]:
        """Transform a row and also return what `settle` needs to update the state."""
        return self.on(row, state, hidden), row

    def settle(self, received: Any, state: Any, token: jax.Array, hidden: jax.Array | None) -> Any:
        """Update the state from what `through` returned, without transforming the row again."""
        return self.after(received, state, token, hidden)

    def _state(self, state):
        return self.init(None, None) if state is None else state


def transform(cls: Any = None, *, kind: str = "token", windowed: bool = False) -> Any:
    """Make a subclass of `Transform` a frozen pytree whose fields are leaves.

    Flattening never validates and unflattening never calls the constructor, so trees of gradients,
    axes, None or object() pass through. A `__call__` the class defines gets the shared semantics:
    it sees a float32 row without NaN or +inf, and its state is never None.

    Args:
        cls: the class; omitted when the decorator is called with a kind.
        kind: "order" (keeps the order of tokens), "set" (may reorder or drop the maximum, keeps at
            least one token) or "token" (speaks of token ids, may empty a row).
        windowed: whether `on` of another kind than "order" may, as that of the order kind always
            is, be given a `Window` instead of a row: it must only use what both have.

    Raises:
        ValueError: if `kind` is none of the three, or the class is no `Transform`.

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
        return functools.partial(transform, kind=kind, windowed=windowed)
    if not isinstance(cls, type) or not issubclass(cls, Transform):
        raise ValueError(f"@transform decorates a subclass of Transform, got {cls!r}")
    cls = frozen(cls)
    if not isinstance(cls.__dict__.get("kind"), property):
        cls.kind = kind  # type: ignore[attr-defined]
    cls.windowed = windowed  # type: ignore[attr-defined]
    for pair in (("on", "__call__"), ("after", "update")):
        for mine, other in (pair, pair[::-1]):  # what follows from it is not to be inherited
            if mine in cls.__dict__ and other not in cls.__dict__:
                setattr(cls, other, getattr(Transform, other))
    if not hasattr(cls.__call__, "compiled"):  # type: ignore[attr-defined]
        cls.__call__ = compiled(_shared_semantics(cls.__call__))  # type: ignore[attr-defined]
    for name in {"init", "update"} & set(vars(cls)):
        setattr(cls, name, compiled(getattr(cls, name)))
    return cls


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
