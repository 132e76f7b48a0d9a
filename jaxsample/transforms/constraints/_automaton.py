"""Finite automata over tokens, which keep the output in a language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.transforms.contract._exported import exported
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import IntLeaf
from jaxsample.transforms.contract._transform import Transform, transform

UNLIMITED = 2**31 - 1


@exported
class Place(NamedTuple):
    """The state of `TokenAutomaton` for one row.

    Attributes:
        state: int32, the state of the automaton; 0 at the start.
        left: int32, the number of tokens left in the budget.
    """

    state: jax.Array
    left: jax.Array


@transform(kind="token")
class TokenAutomaton(Transform):
    """Allow the tokens that a finite automaton accepts, if there is enough budget left to finish.

    In state s, a token of class c leads to table[s, c], and -1 forbids it. A token is allowed if
    the nearest final state is in reach after it: 1 + distance[next] <= the tokens left in the
    prompt's budget. So a row whose budget is at least distance[0] always finishes. If no final
    state is in reach, the budget is ignored, and the output is a prefix of an accepted sequence.
    Without a prompt the budget has no limit. A forbidden token, which can occur only in `score`,
    does not change the state.

    `from_regex` and `from_json_schema` in `jaxsample.interop` build automata. Their outputs finish
    with an end-of-sequence token, which counts in the budget, and every state allows a token. So a
    row is empty only if an earlier transform dropped all allowed tokens. Put the automaton before
    truncation. Automata of different rows may differ in size; `stack` pads them.

    Neutral: `TokenAutomaton.free(V)`.

    Attributes:
        classes: `[V]`, the class of each token, in 0..C-1; a leaf.
        table: `[S, C]`, the next state, or -1 if there is none; state 0 is the start; a leaf.
        distance: `[S]`, the number of tokens to the nearest final state, >= 0; a leaf.

    Raises:
        ValueError: if the shapes do not match, or numbers on the host are out of range. A call
            raises it if the size of the row differs from that of `classes`.

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
        """Return the mask of the allowed classes, `[C]`."""
        following = jnp.asarray(self.table)[place.state]
        possible = following >= 0
        distance = jnp.asarray(self.distance)[jnp.maximum(following, 0)]
        in_time = possible & (distance < place.left)
        return jnp.where(jnp.any(in_time), in_time, possible)

    @classmethod
    def alike(cls, transforms: Sequence[TokenAutomaton]) -> list[TokenAutomaton]:
        """Pad all tables to one size, with states and classes that no token reaches."""
        states, columns = np.max([jnp.shape(t.table)[-2:] for t in transforms], axis=0)

        def padded(t):
            below, beside = states - t.table.shape[-2], columns - t.table.shape[-1]
            wide = [(0, 0)] * (t.table.ndim - 2)
            table = jnp.pad(t.table, [*wide, (0, below), (0, beside)], constant_values=-1)
            return t.replace(table=table, distance=jnp.pad(t.distance, [*wide, (0, below)]))

        return [padded(t) for t in transforms]


def _check_range(name, x, low, end):
    """Check the range of numbers on the host; do not wait for arrays on a device."""
    if isinstance(x, np.ndarray) and x.size and not (low <= x.min() and x.max() < end):
        raise ValueError(
            f"TokenAutomaton: {name} must be in {low}..{end - 1}, got {x.min()}..{x.max()}"
        )
