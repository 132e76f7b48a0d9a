"""The top-p that leaves as much entropy as a temperature, and one-parameter forms of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

FORMS: dict[str, Callable[[np.ndarray, Any], np.ndarray]] = {
    "p = T^a": lambda t, a: t**a,
    "p = 1 - (1 - T)^a": lambda t, a: 1 - (1 - t) ** a,
    "p = T^a / (T^a + (1 - T)^a)": lambda t, a: t**a / (t**a + (1 - t) ** a),
}
"""Curves from (0, 0) to (1, 1) with one parameter a > 0, by their formulas."""


class Fit(NamedTuple):
    """A form fitted by least squares to each of several curves `[R]`.

    Attributes:
        a: the parameter; NaN if a curve has no points or no best a.
        residual: the root mean squared error of p.
        largest: the largest error of p.
    """

    a: np.ndarray
    residual: np.ndarray
    largest: np.ndarray


def equal_p(wanted: np.ndarray, entropy: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the p that gives each wanted entropy, interpolated between the known ones.

    Entropy never falls as p grows, because every token that p adds is at most as likely as each
    kept token. So the p is unique, except at steps and flat parts of the curve.

    Args:
        wanted: `[N]` nats.
        entropy: `[M]` nats at each p.
        p: `[M]`, increasing.

    Returns:
        `[N]`; NaN above the entropy at the last p and below that at the first.

    >>> equal_p(np.array([0.5, 1.5, 3.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.4, 1.0]))
    array([0.2, 0.7, nan])
    """
    rising = np.maximum.accumulate(entropy)  # a float32 sum may fall by a rounding error
    return np.interp(wanted, rising, p, left=np.nan, right=np.nan)


def fit(form: Callable[[np.ndarray, Any], np.ndarray], t: np.ndarray, p: np.ndarray) -> Fit:
    """Fit a form to curves.

    Args:
        form: one of `FORMS`.
        t: `[N]`.
        p: `[R, N]`; points where p is NaN are left out.

    >>> found = fit(FORMS["p = T^a"], np.array([0.25, 0.5]), np.array([[0.5, 0.5**0.5]]))
    >>> found.a.round(3), found.residual.round(3)
    (array([0.5]), array([0.]))
    """
    from scipy.optimize import elementwise

    def loss(log_a, *p):
        apart = form(t[:, None], np.exp(log_a)) - np.stack(p)
        return np.nanmean(apart**2, axis=0)

    known = ~np.isnan(p).all(1)
    found = np.full((3, len(p)), np.nan)
    if known.any():
        columns = tuple(p[known].T)
        around = elementwise.bracket_minimum(loss, np.zeros(known.sum()), args=columns)
        best = elementwise.find_minimum(loss, around.bracket, args=columns)
        a = np.where(best.success, np.exp(best.x), np.nan)
        apart = np.abs(form(t, a[:, None]) - p[known])
        found[:, known] = a, np.sqrt(np.nanmean(apart**2, axis=1)), np.nanmax(apart, axis=1)
    return Fit(*found)
