"""Penalties on repeated tokens."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._token_ids import places
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.tokens._finite import bounded, unless_steep
from jaxsample.transforms.tokens._history import last, needed, push

SCOPES = "all", "prompt", "output"


class Counting(Transform):
    """A transform that counts the tokens in its scope; subclasses apply the counts to the logits.

    Without a window the state is the counts `[V]` int32, which are 4 V bytes for each row. With a
    window it is the last `window` tokens, int32, which are counted again at every step.
    """

    scope: str
    window: int | None

    def __post_init__(self):
        super().__post_init__()
        name = type(self).__name__
        if self.scope not in SCOPES:
            raise ValueError(f"{name}: scope must be one of {SCOPES}, got {self.scope!r}")
        window = self.window
        if window is not None and (type(window) is not int or window < 1):
            raise ValueError(f"{name}: window must be None or an int >= 1, got {window!r}")

    def init(self, key, prompt):
        del key
        prompt = needed(self, prompt)
        counted = jnp.int32(0) if self.scope == "output" else prompt.length
        if self.window is not None:
            recent = last(prompt, self.window)
            return jnp.where(counted > 0, recent, -1)
        inside = jnp.arange(prompt.tokens.shape[0], dtype=jnp.int32) < counted
        return _count(jnp.where(inside, prompt.tokens, -1), prompt.vocab_size)

    def update(self, state, logits, token, hidden=None):
        del logits, hidden
        if self.scope == "prompt":
            return state
        if self.window is not None:
            return push(state, token)
        return state.at[token].add(1)

    def counts(self, state: Any, size: int) -> jax.Array:
        """Return how often each token occurred, `[V]` int32."""
        counts = state if self.window is None else _count(state, size)
        if counts.shape != (size,):
            raise ValueError(
                f"{type(self).__name__} counts {counts.shape[0]} tokens, the row has {size}"
            )
        return counts


@transform(kind="token")
class RepetitionPenalty(Counting):
    """Divide the positive logits of repeated tokens by `penalty`, and multiply negative logits.

    The logit l of a token that occurred before becomes l / penalty if l >= 0, and l * penalty if
    l < 0, however often the token occurred. A penalty below 1 favours repetition. -inf stays -inf,
    and a logit that overflows stays finite. The derivative with respect to `penalty` is zero where
    it exceeds 1e30. Neutral: 1.

    This transform does not commute with the additive penalties. vLLM and llama.cpp run it before
    them.

    `scope` selects the tokens that count: those of prompt and output ("all"), or of one of them.
    With `window` only the last tokens of the scope count. With the scope "prompt" these are always
    the last tokens of the prompt. Token ids outside the vocabulary do not count.

    Attributes:
        penalty: > 0; a leaf.
        scope: "all", "prompt" or "output"; static.
        window: the number of tokens that count, None for all; static.

    Raises:
        ValueError: if a Python value lies outside its range, or the state is missing.

    Reference: Keskar et al., 2019, https://arxiv.org/abs/1909.05858

    >>> t = RepetitionPenalty(2.0)
    >>> t(jnp.array([3.0, 3.0, -3.0]), t.init(None, Prompt.of([0, 2, 2], 3, 0)))
    Array([ 1.5,  3. , -6. ], dtype=float32)
    """

    penalty: FloatLeaf = field(low=1e-6, high=1e6)
    scope: str = field(default="all", static=True)
    window: int | None = field(default=None, static=True)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        seen = self.counts(state, logits.shape[0]) > 0
        penalty = jnp.clip(self.penalty, 1e-6, 1e6)
        # Replace -inf before the product, because its gradient would be 0 * inf.
        safe = jnp.where(logits > -jnp.inf, logits, 0.0)
        slope = jnp.abs(safe) / jnp.where(safe < 0, 1.0, penalty * penalty)
        penalty = unless_steep(penalty, slope)
        changed = jnp.where(safe < 0, safe * penalty, safe / penalty)
        return jnp.where(seen, bounded(changed), logits)


@transform(kind="token")
class FrequencyPenalty(Counting):
    """Lower each logit by `strength` for every earlier occurrence: l - strength * count.

    A negative strength favours repetition. A logit that overflows stays finite. Neutral: 0.

    `scope` and `window` are as for `RepetitionPenalty`. OpenAI and vLLM count the output alone.

    Attributes:
        strength: logits for each occurrence; a leaf.
        scope: "all", "prompt" or "output"; static.
        window: the number of tokens that count, None for all; static.

    Raises:
        ValueError: if a Python value lies outside its range, or the state is missing.

    Reference: OpenAI, https://platform.openai.com/docs/api-reference/chat/create

    >>> t = FrequencyPenalty(0.5)
    >>> t(jnp.array([3.0, 3.0, -3.0]), t.init(None, Prompt.of([0, 2, 2], 3, 0)))
    Array([ 2.5,  3. , -4. ], dtype=float32)
    """

    strength: FloatLeaf = field(low=-1e30, high=1e30)
    scope: str = field(default="all", static=True)
    window: int | None = field(default=None, static=True)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        counts = self.counts(state, logits.shape[0]).astype(jnp.float32)
        return bounded(logits - jnp.where(counts > 0, self.strength * counts, 0.0))


@transform(kind="token")
class PresencePenalty(Counting):
    """Lower the logit of every token that occurred before by `strength`, once.

    A negative strength favours repetition. A logit that overflows stays finite. Neutral: 0.

    `scope` and `window` are as for `RepetitionPenalty`. OpenAI and vLLM count the output alone.

    Attributes:
        strength: in logits; a leaf.
        scope: "all", "prompt" or "output"; static.
        window: the number of tokens that count, None for all; static.

    Raises:
        ValueError: if a Python value lies outside its range, or the state is missing.

    Reference: OpenAI, https://platform.openai.com/docs/api-reference/chat/create

    >>> t = PresencePenalty(0.5)
    >>> t(jnp.array([3.0, 3.0, -3.0]), t.init(None, Prompt.of([0, 2, 2], 3, 0)))
    Array([ 2.5,  3. , -3.5], dtype=float32)
    """

    strength: FloatLeaf = field(low=-1e30, high=1e30)
    scope: str = field(default="all", static=True)
    window: int | None = field(default=None, static=True)

    def __call__(self, logits, state=None, hidden=None):
        del hidden
        seen = self.counts(state, logits.shape[0]) > 0
        return bounded(logits - jnp.where(seen, self.strength, 0.0))


def _count(tokens, size):
    return jnp.zeros(size, jnp.int32).at[places(tokens, size)].add(1, mode="drop")
