"""Does a measure rise or fall with temperature? Rank correlation of texts that share noise."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from jaxsample.study.correlations import Correlation
from jaxsample.study.resampling import LEVEL, RESAMPLES
from jaxsample.study.statistics import mean

METHODS = "spearman", "kendall"


def trend(
    x: Sequence[float],
    y: Sequence[float],
    items: Sequence[Hashable],
    draws: Sequence[Hashable],
    key: int = 0,
) -> dict[str, Correlation]:
    """Correlate y with x within each item, and take the mean over items.

    Texts of one item and draw were drawn with the same noise at every x, and are alike for that. So
    what is drawn again for the interval is a whole draw, or with several items a whole item; and
    the p-value is that of exchanging the x of texts within a draw: of y being what it is whatever x
    is. It cannot be less than 1 in 4001. What is NaN is left out.

    Args:
        x, y: `[N]`; x takes few values.
        items: `[N]`, what each text was written for.
        draws: `[N]`, the noise each text was drawn with, for its item.
        key: of the resamples.

    Returns:
        for "spearman" and "kendall" (tau-b) the correlation; `n` counts texts.

    >>> rising = trend([1, 2, 3] * 9, [3, 5, 8] * 9, ["a"] * 27, np.repeat(range(9), 3))
    >>> rising["kendall"].value, rising["kendall"].p < 0.001
    (1.0, True)
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    items, draws = (np.unique(s, return_inverse=True)[1] for s in (items, draws))
    known = ~(np.isnan(x) | np.isnan(y))
    rng = np.random.default_rng(key)
    every = [
        _of_one(x[its], y[its], draws[its], rng)
        for its in (known & (items == item) for item in np.unique(items))
    ]
    found = {}
    for method in METHODS:
        values = [one[method][0] for one in every]
        value = mean(values)
        low, high = (value.low, value.high) if len(every) > 1 else every[0][method][1]
        p = math.nan
        if value.n:
            some = [one[method] for one in every if not math.isnan(one[method][0])]
            exchanged = np.mean([one[2] for one in some], axis=0)
            extreme = np.sum(np.abs(exchanged) >= abs(value.value) - 1e-12)
            p = float(1 + extreme) / (1 + RESAMPLES)
        found[method] = Correlation(value.value, low, high, p, int(known.sum()))
    return found


def detectable(n: int, tests: int = 1, power: float = 0.8) -> float:
    """Return the least Spearman correlation that n independent pairs would show so often.

    By the normal approximation of Fisher's z, for two-sided tests at 0.05 in all.

    Args:
        n: pairs, 4 or more.
        tests: at how many tests 0.05 is shared out.
        power: how often it would be found.

    Reference: Fieller, Hartley and Pearson, 1957, https://doi.org/10.1093/biomet/44.3-4.470

    >>> round(detectable(180), 3), round(detectable(600, tests=20), 3)
    (0.213, 0.162)
    """
    from scipy.stats import norm

    z = norm.ppf(1 - (1 - LEVEL) / (2 * tests)) + norm.ppf(power)
    return math.tanh(z * math.sqrt(1.06 / (n - 3)))


def _of_one(x, y, draws, rng):
    """Return of each method the value, its ends, and its values with x exchanged `[R]`."""
    nothing = math.nan, (math.nan, math.nan), np.full(RESAMPLES, math.nan)
    if len(x) < 3 or not np.ptp(x) or not np.ptp(y):
        return dict.fromkeys(METHODS, nothing)
    draws = np.unique(draws, return_inverse=True)[1]
    count = int(draws.max()) + 1
    once, exchanged = np.ones((1, count)), _exchanged(x, draws, rng)
    drawn = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(np.float64)
    found = {}
    for method, resampled, permuted in (
        ("spearman", _spearman, _spearman_exchanged),
        ("kendall", _kendall, _kendall_exchanged),
    ):
        of = resampled(x, y, draws)
        ends = (math.nan, math.nan)
        if count > 1:
            low, high = np.nanquantile(of(drawn), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            ends = float(low), float(high)
        found[method] = float(of(once)[0]), ends, permuted(exchanged, y)
    return found


def _exchanged(x, draws, rng):
    """Return x `[R, N]` exchanged at random within each draw."""
    at = np.argsort(draws, kind="stable")
    order = np.argsort(draws + rng.random((RESAMPLES, len(x))), axis=1)
    exchanged = np.empty(order.shape)
    exchanged[:, at] = x[order]
    return exchanged


def _signs(x):
    return np.sign(x[:, None] - x[None, :])


def _by_draw(table, draws):
    """Sum the rows of each draw."""
    found = np.zeros((int(draws.max()) + 1, *table.shape[1:]))
    np.add.at(found, draws, table)
    return found


def _spearman(x, y, draws):
    """Return what gives the correlation for draws taken so many times each, `[R, D]`."""
    # A text's rank among those taken: how many are below it, and half of those level with it.
    below = [_by_draw((1 - _signs(side)) / 2, draws) for side in (x, y)]

    def of(drawn):
        weights = drawn[:, draws]
        total = weights.sum(1, keepdims=True)
        a, b = (drawn @ one for one in below)
        a, b = (s - np.sum(weights * s, 1, keepdims=True) / total for s in (a, b))
        with np.errstate(invalid="ignore"):
            products = (np.sum(weights * p, 1) for p in (a * b, a * a, b * b))
            ab, aa, bb = products
            return ab / np.sqrt(aa * bb)

    return of


def _kendall(x, y, draws):
    """Return what gives the correlation for draws taken so many times each, `[R, D]`."""
    a, b = _signs(x), _signs(y)
    tables = [_by_draw(_by_draw(p, draws).T, draws) for p in (a * b, a * a, b * b)]

    def of(drawn):
        ab, aa, bb = (np.sum((drawn @ table) * drawn, 1) for table in tables)
        with np.errstate(invalid="ignore"):
            return ab / np.sqrt(aa * bb)

    return of


def _spearman_exchanged(exchanged, y):
    from scipy.stats import rankdata

    values, ranks = np.unique(exchanged[0]), rankdata(exchanged[0])
    rank_of = np.asarray([ranks[exchanged[0] == value][0] for value in values])
    a, b = rank_of[np.searchsorted(values, exchanged)], rankdata(y)
    a, b = a - a.mean(1, keepdims=True), b - b.mean()
    return a @ b / np.sqrt(np.sum(a**2, 1) * np.sum(b**2))


def _kendall_exchanged(exchanged, y):
    order = np.argsort(y, kind="stable")
    first = np.searchsorted(y[order], y[order])  # of the texts level with each
    levels = np.searchsorted(np.unique(exchanged[0]), exchanged[:, order])
    score = np.zeros(len(exchanged))
    for level in range(levels.max() + 1):
        here = levels == level
        # Of those with a smaller y: how many have a smaller x, less how many have a greater.
        sign = np.sign(level - levels)
        before = np.concatenate([np.zeros((len(sign), 1)), np.cumsum(sign, 1)], 1)
        score += np.sum(np.where(here, before[:, first], 0.0), 1)
    pairs = [np.sum(np.abs(_signs(side))) / 2 for side in (exchanged[0], y)]
    return score / math.sqrt(pairs[0] * pairs[1])
