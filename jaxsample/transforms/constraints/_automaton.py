"""A finite automaton over tokens: what is written stays inside a language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import IntLeaf
from jaxsample.transforms.contract._transform import Transform, transform

UNLIMITED = 2**31 - 1


class Place(NamedTuple):
    """Where a row stands in its automaton.

    Attributes:
        state: int32, 0 at the start.
        left: int32, how many tokens may still be drawn.
    """

    state: jax.Array
    left: jax.Array


@transform(kind="token")
class TokenAutomaton(Transform):
    """Allow the tokens that a finite automaton can go on with, and that leave time to end.

    From state s a token of class c leads to table[s, c]; -1 forbids it. A token is allowed if then
    the nearest end still fits: 1 + distance[next] <= the tokens left of the prompt's budget. So a
    row whose budget is at least distance[0] always ends. Where no end fits any more, the budget is
    ignored: what is written is the beginning of something the automaton accepts. Without a prompt
    the budget has no limit. A token the automaton forbids, which only `score` can give, leaves the
    state alone.

    `jaxsample.interop.automaton` makes automata from regular expressions and JSON schemas: there
    the end is reached by an end-of-sequence token, which the budget counts, and every state has a
    token that leads on, so that a row is empty only if what came before dropped all of these. So
    the automaton belongs before truncation. Automata for different rows may differ in size:
    `stack` pads them.

    Neutral: `TokenAutomaton.free(V)`.

    Attributes:
        classes: `[V]`, the class of each token, in 0..C-1; a leaf.
        table: `[S, C]`, the next state, -1 where there is none; state 0 is the start; a leaf.
        distance: `[S]`, tokens to the nearest end, >= 0; a leaf.

    Raises:
        ValueError: if the shapes do not fit each other, or numbers on the host lie outside them;
            from a call, if the row has another size than `classes`.

    Reference: Willard and Louf, 2023, https://arxiv.org/abs/2307.09702

    >>> automaton = TokenAutomaton([0, 1, 1], [[1, -1], [-1, 1]], [1, 0])  # token 0, then the rest
    >>> automaton(jnp.array([0.0, 3.0, 1.0]))
    Array([  0., -inf, -inf], dtype=float32)
    """

    classes: IntLeaf = field(low=0)
    table: IntLeaf = field(low=-1)
    distance: IntLeaf = field(low=0)

    def __post_init__(self):
        super().__post_init__()
        shapes = jnp.shape(self.classes), jnp.shape(self.table), jnp.shape(self.distance)
        (*rows, _), (*sizes, columns), (*others, states) = (s or (0,) for s in shapes)
        if not sizes or rows != others or [*rows, states] != sizes or not states * columns:
            raise ValueError(
                "TokenAutomaton: classes [V], table [S, C] and distance [S] are needed, "
                f"got shapes {', '.join(str(list(s)) for s in shapes)}"
            )
        _check_range("classes", self.classes, 0, columns)
        _check_range("table", self.table, -1, states)
        _check_range("distance", self.distance, 0, UNLIMITED)

    @staticmethod
    def free(vocab_size: int) -> TokenAutomaton:
        """Return the automaton that allows every token."""
        return TokenAutomaton(np.zeros(vocab_size, np.int32), [[0]], [0])

    def init(self, key, prompt):
        del key
        left = jnp.int32(UNLIMITED) if prompt is None else prompt.budget.astype(jnp.int32)
        return Place(jnp.int32(0), left)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        if jnp.shape(self.classes) != logits.shape:
            raise ValueError(
                f"TokenAutomaton has classes for {list(jnp.shape(self.classes))} tokens, "
                f"the row has {list(logits.shape)}"
            )
        allowed = self._allowed(state)
        return jnp.where(allowed[jnp.asarray(self.classes)], logits, -jnp.inf)

    def update(self, state, logits, token, hidden=None):
        del logits, hidden
        following = jnp.asarray(self.table)[state.state, jnp.asarray(self.classes)[token]]
        left = jnp.where(state.left == UNLIMITED, state.left, state.left - 1)
        return Place(jnp.where(following < 0, state.state, following), left)

    def _allowed(self, place):
        """Which classes are allowed, `[C]`."""
        following = jnp.asarray(self.table)[place.state]
        possible = following >= 0
        distance = jnp.asarray(self.distance)[jnp.maximum(following, 0)]
        in_time = possible & (distance < place.left)
        return jnp.where(jnp.any(in_time), in_time, possible)

    @classmethod
    def alike(cls, transforms: Sequence[TokenAutomaton]) -> list[TokenAutomaton]:
        """Pad tables to the most states and classes: forbidden ones that no token reaches."""
        states, columns = np.max([jnp.shape(t.table)[-2:] for t in transforms], axis=0)

        def padded(t):
            below, beside = states - t.table.shape[-2], columns - t.table.shape[-1]
            wide = [(0, 0)] * (t.table.ndim - 2)
            table = jnp.pad(t.table, [*wide, (0, below), (0, beside)], constant_values=-1)
            return t.replace(table=table, distance=jnp.pad(t.distance, [*wide, (0, below)]))

        return [padded(t) for t in transforms]


def _check_range(name, x, low, end):
    """Check numbers that are on the host; arrays on a device are not waited for."""
    if isinstance(x, np.ndarray) and x.size and not (low <= x.min() and x.max() < end):
        raise ValueError(
            f"TokenAutomaton: {name} must be in {low}..{end - 1}, got {x.min()}..{x.max()}"
        )
