"""A filter against repeated n-grams."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._token_ids import among
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.tokens._history import History


@transform(kind="token")
class NoRepeatNgram(Transform):
    """Drop every token that would complete an n-gram that already occurs in prompt and output.

    n = 1 drops every token that occurred before. With fewer than n tokens nothing is dropped. If
    every token is dropped, the row is invalid and its token is -1. `n` is static, so there is no
    neutral value. With `window` only n-grams that begin among the last tokens count.

    The state is the history, which is 4 max_length bytes for each row. A step costs n * max_length
    comparisons.

    Attributes:
        n: the number of tokens in an n-gram, >= 1; static.
        window: the number of last tokens of prompt and output to search, None for all; static.

    Raises:
        ValueError: if `n` or `window` is not an int >= 1, or the state is missing.

    Reference: Paulus et al., 2017, https://arxiv.org/abs/1705.04304

    >>> t = NoRepeatNgram(2)
    >>> t(jnp.array([3.0, 2.0, 1.0]), t.init(None, Prompt.of([0, 1, 0], 3, 0)))
    Array([  3., -inf,   1.], dtype=float32)
    """

    n: int = field(low=1, static=True)
    window: int | None = field(default=None, static=True)

    def __post_init__(self):
        super().__post_init__()
        if type(self.n) is not int:
            raise ValueError(f"NoRepeatNgram: n is static and must be an int >= 1, got {self.n!r}")
        window = self.window
        if window is not None and (type(window) is not int or window < 1):
            raise ValueError(f"NoRepeatNgram: window must be None or an int >= 1, got {window!r}")

    def init(self, key, prompt):
        del key
        return History.of(self, prompt)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        tokens, length = state
        starts = tokens.shape[0] - self.n + 1
        if starts < 1:
            return logits
        # If length < n, no start is valid, so the clamped slice does not matter.
        suffix = lax.dynamic_slice_in_dim(tokens, length - self.n + 1, self.n - 1)
        at = jnp.arange(starts, dtype=jnp.int32)
        repeats = at <= length - self.n
        if self.window is not None:
            repeats &= at >= length - self.window
        for i in range(self.n - 1):
            repeats &= tokens[i : i + starts] == suffix[i]
        banned = jnp.where(repeats, tokens[self.n - 1 :], -1)
        return jnp.where(among(banned, logits.shape[0]), -jnp.inf, logits)

    def update(self, state, logits, token, hidden=None):
        del logits, hidden
        return state.after(token)
