"""Samplers of stories that depend on the state of the grammar alone.

A law maps a state to the distribution of the next token, float64 `[V]`. It must not tell the words
of a table apart but by rank, so that states the grammar calls alike stay alike.
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
    """Return the truth after some changes, left to right; without any, the truth itself."""
    known: dict[int, np.ndarray] = {}

    def changed(state):
        key = id(grammar.distribution(state))  # the grammar keeps it, for all states that share it
        if key not in known:
            probs = grammar.next_probs(state)
            for change in changes:
                probs = change(probs)
            known[key] = probs
        return known[key]

    return changed


def smoothed(leak: float) -> Change:
    """Spread the share `leak` evenly over the tokens that can not follow."""

    def change(probs):
        other = probs == 0
        return (1 - leak) * probs + leak * other / other.sum()

    return change


def sampled(sampler: Transform) -> Change:
    """Take the logarithms through a sampler without state."""

    def change(probs):
        with np.errstate(divide="ignore"):
            logits = jnp.asarray(np.log(probs), jnp.float32)
        # Normalised in double precision, else equal words differ by the place they stand in.
        return softmax(np.asarray(_through(sampler, logits), np.float64))

    return change


def by_kind(grammar: Grammar, laws: Mapping[str, Law]) -> Law:
    """Return the law that follows another one at each kind of slot.

    Raises:
        ValueError: a kind without a law.
    """
    if missing := set(KINDS) - set(laws):
        raise ValueError(f"`laws` has none for {', '.join(sorted(missing))}")
    return lambda state: laws[grammar.kind(state)](state)


@jax.jit
def _through(sampler, logits):
    return sampler(logits)
