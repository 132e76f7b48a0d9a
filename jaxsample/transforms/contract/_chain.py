"""Chains of transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, overload

import jax

from jaxsample.kernels._noise import as_key, fold_in
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._function import Function
from jaxsample.transforms.contract._transform import KINDS, Transform, transform


@transform
class Chain(Transform):
    """A transform that runs its members from left to right; use `chain` to make one.

    The state is the tuple of the members' states. Member i is initialised with `fold_in(key, i)`.
    A chain can be iterated and indexed and has a length; a slice of it is a chain.

    Attributes:
        transforms: the members, in the order they run.
    """

    transforms: tuple[Transform, ...] = field(default=())

    @property
    def kind(self) -> str:
        """The loosest kind among the members."""
        return KINDS[max((KINDS.index(t.kind) for t in self.transforms), default=0)]

    def init(self, key, prompt):
        keys = [None] * len(self)
        if key is not None:
            key = as_key(key)
            keys = [fold_in(key, i) for i in range(len(self))]
        return tuple(t.init(k, prompt) for t, k in zip(self, keys, strict=True))

    def on(self, row, state=None, hidden=None):
        return self.through(row, self._state(state), hidden)[0]

    def after(self, row, state, token, hidden=None):
        state = self._state(state)
        return self.settle(self.through(row, state, hidden)[1], state, token, hidden)

    def through(self, row, state, hidden):
        self._check_state(state)
        received = []
        for t, s in zip(self, state, strict=True):
            row, seen = t.through(row, s, hidden)
            received.append(seen)
        return row, tuple(received)

    def settle(self, received, state, token, hidden):
        members = zip(self, received, state, strict=True)
        return tuple(t.settle(seen, s, token, hidden) for t, seen, s in members)

    @classmethod
    def alike(cls, transforms):
        columns = [type(members[0]).alike(members) for members in zip(*transforms, strict=True)]
        return [chain(*(column[i] for column in columns)) for i in range(len(transforms))]

    def _check_state(self, state):
        if len(state) != len(self):
            raise ValueError(f"a chain of {len(self)} transforms got {len(state)} states")

    def replace(self, i: int, t: Transform | Callable) -> Chain:
        """Return a copy with member i replaced."""
        members: list[Any] = list(self.transforms)
        members[i] = t
        return chain(*members)

    def __iter__(self) -> Iterator[Transform]:
        return iter(self.transforms)

    def __len__(self) -> int:
        return len(self.transforms)

    @overload
    def __getitem__(self, i: int) -> Transform: ...
    @overload
    def __getitem__(self, i: slice) -> Chain: ...
    def __getitem__(self, i: int | slice) -> Transform:
        return chain(*self.transforms[i]) if isinstance(i, slice) else self.transforms[i]

    def __repr__(self):
        return f"chain({', '.join(map(repr, self.transforms))})"

    def _repr_html_(self):
        from jaxsample.transforms.contract._cards import as_html

        return as_html(self.transforms)


def chain(*transforms: Transform | Callable[[jax.Array], jax.Array]) -> Chain:
    """Compose transforms, which run from left to right.

    Nested chains are flattened and a plain function becomes a `Function`. `chain()` is the
    identity.

    Raises:
        ValueError: if a member is neither a transform nor callable.

    >>> chain(TopK(k=2), Temperature(0.5))(jnp.array([0.0, 2.0, 1.0]))
    Array([-inf,   0.,  -2.], dtype=float32)
    """
    members: list[Transform] = []
    for t in transforms:
        if isinstance(t, Chain):
            members.extend(t.transforms)
        elif isinstance(t, Transform) and not jax.tree_util.all_leaves([t]):
            members.append(t)
        else:
            members.append(Function(t))
    return Chain(tuple(members))
