"""Verifiable rewards: whether a solution ends in the right answer."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp

from ._sums import ZERO


def right(group: Any) -> jax.Array:
    """Return 1 for each sample whose last number is that of the reference, else 0; `[K]` float32.

    Numbers are compared digit by digit. A sample without a number is wrong. Special tokens are left
    out, as decoding leaves them out. Jittable; for `jaxsample.learn.Rewards`.

    Args:
        group: a `jaxsample.learn.Group`.

    >>> from jaxsample.learn import Group
    >>> tokens = jnp.array([[17, 12, 9, 16, 5, 8, 2], [17, 12, 9, 16, 5, 7, 2]])
    >>> right(Group(tokens, jnp.full(2, 7), tokens[0], 7, None, None))
    Array([1., 0.], dtype=float32)
    """
    width = max(group.tokens.shape[-1], group.reference.shape[-1])
    found = jax.vmap(_last_number, (0, 0, None))(group.tokens, group.lengths, width)
    wanted = _last_number(group.reference, group.reference_length, width)
    return (jnp.all(found == wanted, axis=-1) & (found[:, 0] >= 0)).astype(jnp.float32)


def _last_number(tokens, length, width):
    """Return the digits of the last number from the last one on, `[width]`, -1 past the first."""
    at = jnp.arange(len(tokens))
    shown = (tokens >= ZERO) & (at < length)  # the ids of special tokens are below that of 0
    tokens = tokens[jnp.argsort(~shown, stable=True)]
    digit = (tokens >= ZERO) & (tokens < ZERO + 10) & (at < jnp.sum(shown))
    end = jnp.max(jnp.where(digit, at, -1))
    start = 1 + jnp.max(jnp.where(~digit & (at <= end), at, -1))
    back = end - jnp.arange(width)
    return jnp.where(back >= start, tokens[jnp.maximum(back, 0)] - ZERO, -1)


def right_text(text: str, reference: str) -> bool:
    """Tell whether the last number of a text is that of the reference, digit by digit.

    >>> right_text("left:85,14", "14"), right_text("left:85,13", "14"), right_text("left:", "14")
    (True, False, False)
    """
    found, wanted = (re.findall("[0-9]+", some)[-1:] for some in (text, reference))
    return bool(found) and found == wanted
