"""The answers and changes of a row in numpy and float64, for filters that a user writes."""

import dataclasses
import functools

import numpy as np

from tests.oracles.common import settle


@dataclasses.dataclass(frozen=True)
class ReferenceRow:
    """A row of logits with the interface that an order transform sees.

    Answers are computed in float64 from float32 values and returned as float32, as the library
    returns them. `nudge` changes every sum by that share of itself: if it changes what a filter
    keeps, the row is too close to an edge to judge float32 by.
    """

    values: np.ndarray
    nudge: float = 0.0

    @classmethod
    def of(cls, logits, nudge=0.0):
        return cls(settle(logits), nudge)

    @property
    def kept(self):
        return self.values > -np.inf

    @property
    def logits(self):
        return np.float32(self.values)

    @property
    def max(self):
        return np.float32(self.values.max())

    @property
    def count(self):
        return np.int32(self.kept.sum())

    @property
    def size(self):
        return len(self.values)

    @property
    def ties(self):
        return np.float32((self.values == self.values.max()).sum())

    def sum(self, *terms):
        sums = [np.float32(self._terms(term).sum() * (1 + self.nudge)) for term in terms]
        return tuple(sums) if len(sums) > 1 else sums[0]

    @functools.cached_property
    def ranked(self):
        return np.float32(np.sort(self.values)[::-1])

    def kth(self, k):
        return self.ranked[int(k) - 1] if k <= self.size else np.float32(-np.inf)

    def largest(self, n):
        ranked = self.ranked[:n]
        return np.append(ranked, np.full(n - len(ranked), -np.inf, np.float32))

    def value_at(self, term, share):
        values, place = np.unique(self.values, return_inverse=True)
        masses = np.bincount(place, self._terms(term), len(values))
        above = np.append(np.cumsum(masses[::-1])[::-1][1:], 0.0)
        held = (values > -np.inf) & (above < float(share) * (1 + self.nudge) * masses.sum())
        return np.float32(values[held].min() if held.any() else self.values.max())

    def value(self, token):
        return np.float32(self.values[int(token)])

    def divide(self, t):
        top = self.values.max()
        if t == 0:
            return self._with(np.where(self.values == top, 0.0, -np.inf))
        # In float32, where the difference rounds and may tie two values.
        return self._with(np.float64((np.float32(self.values) - np.float32(top)) / np.float32(t)))

    def bend(self, curve, valid):
        assert valid
        below = np.float32(self.values) - np.float32(self.values.max())
        return self._with(np.where(self.kept, np.float64(curve(below)), -np.inf))

    def keep(self, value):
        edge = min(np.float64(value), self.values.max())
        return self._with(np.where(self.values >= edge, self.values, -np.inf))

    def keep_nearest(self, centre, share, mass):
        far = np.abs(self.values - self.values.max() - np.float64(centre))
        distances, place = np.unique(far, return_inverse=True)
        masses = np.bincount(place, self._terms(np.exp), len(distances))
        nearer = np.cumsum(masses) - masses
        held = nearer < float(share) * (1 + self.nudge) * float(mass)
        stay = (held | (np.arange(len(held)) == 0) | (share >= 1))[place] & self.kept
        return self._with(np.where(stay, self.values, -np.inf))

    def only(self, members, valid):
        assert valid
        return self._with(np.where(np.asarray(members), self.values, -np.inf))

    def _terms(self, term):
        below = np.where(self.kept, self.values - self.values.max(), 0.0)
        return np.where(self.kept, np.float64(term(np.float32(below))), 0.0)

    def _with(self, values):
        return dataclasses.replace(self, values=values)
