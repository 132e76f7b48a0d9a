"""A penalty that grows with the length of a repetition (DRY)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.transforms.contract._exported import exported
from jaxsample.transforms.contract._fields import field, show, show_sequences
from jaxsample.transforms.contract._leaves import FloatLeaf, IntLeaf, SequencesLeaf
from jaxsample.transforms.contract._token_ids import (
    among,
    lengths,
)
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.tokens._finite import bounded, power
from jaxsample.transforms.tokens._history import History


@exported
class Repeats(NamedTuple):
    """The state of `DRY` for one row.

    Attributes:
        history: the tokens so far.
        matches: `[max_length]` int32. At i < length - 1, the number of tokens up to token i that
            equal the last tokens of the history.
        head, end: int32, the start and the end of the last sequence breaker; -1 and 0 if there is
            none.
    """

    history: History
    matches: jax.Array
    head: jax.Array
    end: jax.Array


@transform(kind="token")
class DRY(Transform):
    """Lower the logits of tokens that would continue a repetition; longer ones are lowered more.

    For each earlier position, let m be the number of tokens before it that equal the last tokens of
    the history. The token t at that position gets l - multiplier * base ** (m - allowed_length) if
    m >= allowed_length. If t occurs at several positions, the largest m counts. Powers are limited
    to 1e26, so that nothing overflows.

    A sequence breaker ends a repetition: m is at most the number of tokens after the last breaker.
    The last breaker is the one that begins last; if several begin there, the longest counts. A
    breaker of one token is not lowered itself. As in llama.cpp, breakers are sequences of tokens,
    so list every tokenisation of a string.

    Neutral: multiplier = 0. The state is the history and its matches, which are 8 max_length bytes
    for each row. A step costs O(max_length + S L^2) for S breakers of at most L tokens.

    Attributes:
        multiplier: in logits, >= 0; a leaf.
        base: growth for each repeated token, >= 1; a leaf that does not train.
        allowed_length: length of the shortest repetition that is lowered, >= 0; a leaf.
        breakers: token sequences as lists or as an array `[S, L]`, kept as int32 `[S, L]` padded
            with -1 on the right; a leaf. A breaker with an id outside the vocabulary never matches.
        window: the number of last tokens of prompt and output to search, None for all; static.

    Raises:
        ValueError: if a Python value lies outside its range, or the state is missing.

    Reference: p-e-w, 2024, https://github.com/oobabooga/text-generation-webui/pull/5677

    >>> t = DRY(1.0, base=2.0)
    >>> t(jnp.array([0.0, 0.0, 0.0, 0.0]), t.init(None, Prompt.of([1, 2, 3, 0, 1, 2], 4, 0)))
    Array([ 0.,  0.,  0., -1.], dtype=float32)
    """

    multiplier: FloatLeaf = field(low=0.0, high=1e30)
    base: FloatLeaf = field(default=1.75, low=1.0, high=1e6, fixed=True)
    allowed_length: IntLeaf = field(default=2, low=0)
    breakers: SequencesLeaf = field(default=())
    window: int | None = field(default=None, static=True)

    def __post_init__(self):
        super().__post_init__()
        window = self.window
        if window is not None and (type(window) is not int or window < 1):
            raise ValueError(f"DRY: window must be None or an int >= 1, got {window!r}")

    def init(self, key, prompt):
        del key
        history = History.of(self, prompt)
        head, end = self._search_breaker(history)
        return Repeats(history, _match(history), head, end)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        (tokens, length), matches, head, end = state
        size = logits.shape[0]
        start = jnp.int32(0) if self.window is None else jnp.maximum(length - self.window, 0)
        limit = length - jnp.where(head >= start, end, start)
        at = jnp.arange(tokens.shape[0] - 1, dtype=jnp.int32)
        longest = jnp.minimum(matches[:-1], jnp.minimum(at - start + 1, limit))
        allowed = jnp.maximum(self.allowed_length, 0)
        counts = (at >= start) & (at <= length - 2) & (longest >= allowed)
        following = jnp.where(counts & (tokens[1:] >= 0), tokens[1:], size)
        repeated = jnp.full(size, -1, jnp.int32).at[following].max(longest, mode="drop")
        single = jnp.where(lengths(self.breakers) == 1, jnp.asarray(self.breakers)[:, 0], -1)
        hit = (repeated >= 0) & ~among(single, size)
        growth = power(jnp.maximum(self.base, 1.0), jnp.where(hit, repeated - allowed, 0))
        return bounded(logits - jnp.where(hit, self.multiplier * growth, 0.0))

    def update(self, state, logits, token, hidden=None):
        del logits, hidden
        tokens, length = state.history
        earlier = jnp.arange(tokens.shape[0], dtype=jnp.int32) < length
        grown = jnp.roll(state.matches, 1).at[0].set(0) + 1
        matches = jnp.where(earlier & (tokens == token), grown, 0)
        history = state.history.after(token)
        width = jnp.shape(self.breakers)[-1]
        heads = history.length - 1 - jnp.arange(width, dtype=jnp.int32)
        found = jax.vmap(self._broken, (None, 0))(history, heads)
        first = jnp.argmax(found > 0)
        new = found[first] > 0
        head = jnp.where(new, heads[first], state.head)
        return Repeats(history, matches, head, jnp.where(new, head + found[first], state.end))

    def _broken(self, history, head):
        """Return the length of the longest complete breaker that begins at `head`, 0 if none."""
        breakers, size = jnp.asarray(self.breakers), lengths(self.breakers)
        width = breakers.shape[1]
        tokens = lax.dynamic_slice_in_dim(jnp.pad(history.tokens, (0, width)), head, width)
        same = jnp.all((breakers < 0) | (breakers == tokens[None, :]), axis=1)
        fits = (head >= 0) & (head + size <= history.length)
        return jnp.max(jnp.where(same & fits, size, 0), initial=0)

    def _search_breaker(self, history):
        if not jnp.shape(self.breakers)[0]:
            return jnp.int32(-1), jnp.int32(0)

        def back(carry):
            head = carry[0] - 1
            return head, self._broken(history, head)

        head, size = lax.while_loop(
            lambda carry: (carry[0] >= 0) & (carry[1] == 0), back, (history.length, jnp.int32(0))
        )
        return head, jnp.where(head >= 0, head + size, 0)

    def __repr__(self):
        parts = [f"{name}={show(getattr(self, name))}" for name in ("multiplier", "base")]
        parts.append(f"allowed_length={show(self.allowed_length)}")
        parts.append(f"breakers={show_sequences(self.breakers)}")
        return f"DRY({', '.join(parts)}{f', window={self.window}' if self.window else ''})"


def _match(history):
    """Return, for each token, the number of tokens up to it that equal the end of the history."""
    tokens, length = history
    at = jnp.arange(tokens.shape[0], dtype=jnp.int32)

    def further(carry):
        i, alive, matches = carry
        same = jnp.roll(tokens, i) == tokens[jnp.maximum(length - 1 - i, 0)]
        alive &= same & (at >= i)
        return i + 1, alive, matches + alive.astype(jnp.int32)

    start = jnp.int32(0), at < length - 1, jnp.zeros_like(at)
    return lax.while_loop(lambda carry: jnp.any(carry[1]), further, start)[2]
