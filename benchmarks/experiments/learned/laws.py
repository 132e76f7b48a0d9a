"""Samplers of stories that depend on the state of the grammar alone.

A law maps a state to the distribution of the next token, float64 `[V]`. It must treat the words of
a table by their rank alone, so that states that are equal for the grammar are equal for the law.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import softmax

from jaxsample import Transform
from jaxsample_models.stories import KINDS, Grammar, State

Law = Callable[[State], np.ndarray]
Change = Callable[[np.ndarray], np.ndarray]


def law(grammar: Grammar, *changes: Change) -> Law:
    """Return the truth after some changes, applied from left to right."""
    known: dict[int, np.ndarray] = {}

    def changed(state):
        key = id(grammar.distribution(state))  # the grammar keeps it alive
        if key not in known:
            probs = grammar.next_probs(state)
            for change in changes:
                probs = change(probs)
            known[key] = probs
        return known[key]

    return changed


def smoothed(leak: float) -> Change:
    """Spread the share `leak` evenly over the tokens that cannot follow."""

    def change(probs):
        other = probs == 0
        return (1 - leak) * probs + leak * other / other.sum()

    return change


def sampled(sampler: Transform) -> Change:
    """Apply a sampler without state to the log-probabilities."""

    def change(probs):
        with np.errstate(divide="ignore"):
            logits = jnp.asarray(np.log(probs), jnp.float32)
        # In float32 the sums would depend on the place of a word, and equal words would differ.
        return softmax(np.asarray(_through(sampler, logits), np.float64))

    return change


def by_kind(grammar: Grammar, laws: Mapping[str, Law]) -> Law:
    """Return the law that follows another one at each kind of slot.

    Raises:
        ValueError: if a kind has no law.
    """
    if missing := set(KINDS) - set(laws):
        raise ValueError(f"`laws` has none for {', '.join(sorted(missing))}")
    return lambda state: laws[grammar.kind(state)](state)


@jax.jit
def _through(sampler, logits):
    return sampler(logits)
