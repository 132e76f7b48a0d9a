"""Which top-p leaves as much entropy as a temperature does, and one-parameter forms of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

RESAMPLES = 1000
LEVELS = 2.5, 97.5  # percent
EXPONENTS = 0.02, 50.0  # between which a form's `a` is looked for

FORMS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "p = T^a": lambda t, a: t**a,
    "p = 1 - (1 - T)^a": lambda t, a: 1 - (1 - t) ** a,
    "p = T^a / (T^a + (1 - T)^a)": lambda t, a: t**a / (t**a + (1 - t) ** a),
}
"""Curves from (0, 0) to (1, 1) with one parameter a > 0."""


class Fit(NamedTuple):
    """A form fitted to a curve by least squares.

    Attributes:
        a: its parameter.
        residual: root of the mean squared difference in p.
        largest: the largest difference in p.
    """

    a: float
    residual: float
    largest: float


def equal_p(wanted: np.ndarray, entropy: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the p that gives each wanted entropy, by interpolation between those known.

    Entropy never falls as p grows: a token at most as likely as each of those kept adds at least
    as much as it takes. So there is one such p, but for steps and level stretches of the curve.

    Args:
        wanted: `[N]` nats.
        entropy: `[M]` nats at each p.
        p: `[M]`, rising.

    Returns:
        `[N]`; NaN above the entropy at the last p or below that at the first.

    >>> equal_p(np.array([0.5, 1.5, 3.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.4, 1.0]))
    array([0.2, 0.7, nan])
    """
    rising = np.maximum.accumulate(entropy)  # float32 sums may fall by a rounding
    return np.interp(wanted, rising, p, left=np.nan, right=np.nan)


def resampled(items: int) -> np.ndarray:
    """Return weights `[R, items]` of bootstrap resamples, the same for the same number of items."""
    counts = np.random.default_rng(0).multinomial(items, np.full(items, 1 / items), RESAMPLES)
    return counts / items


def fit(form: Callable[[np.ndarray, float], np.ndarray], t: np.ndarray, p: np.ndarray) -> Fit:
    """Fit a form to points of one curve or of several.

    Args:
        form: one of `FORMS`.
        t, p: `[N]`; points where p is NaN do not count.

    >>> found = fit(FORMS["p = T^a"], np.array([0.25, 0.5]), np.array([0.5, 0.5**0.5]))
    >>> round(found.a, 3), round(found.residual, 3)
    (0.5, 0.0)
    """
    from scipy.optimize import minimize_scalar

    there = ~np.isnan(p)
    t, p = t[there], p[there]
    if not len(t):
        return Fit(np.nan, np.nan, np.nan)

    def loss(log_a):
        return np.mean((form(t, np.exp(log_a)) - p) ** 2)

    found = minimize_scalar(loss, bounds=np.log(EXPONENTS), method="bounded")
    a = float(np.exp(found.x))
    apart = np.abs(form(t, a) - p)
    return Fit(a, float(np.sqrt(np.mean(apart**2))), float(apart.max()))


def ends(values: np.ndarray) -> tuple[float, float]:
    """Return where the middle 95% of resamples end; NaN where most of them are undefined."""
    if np.isnan(values).mean() > 0.5:
        return np.nan, np.nan
    low, high = np.nanpercentile(values, LEVELS)
    return float(low), float(high)
