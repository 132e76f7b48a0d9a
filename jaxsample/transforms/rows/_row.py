"""Rows of logits, which order transforms query and change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.kernels._threshold import kth_value, value_at_mass
from jaxsample.kernels._tree import block_maxima, blocks, once, row_max, tree_sum, tree_sums
from jaxsample.kernels._validity import clamp_below, clean

Number = jax.Array | float
Term = Callable[[jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of logits `[V]`.

    All methods describe the tokens that are still kept; the value of a dropped token is -inf. The
    functions passed to `sum` and `value_at` map `value - max` elementwise, so `jnp.exp` stands for
    the unnormalised probability.

    Attributes:
        values: `[V]` float32.
        tops: `[ceil(V / BLOCK)]`, the maximum of each block of `values`.
        max: the largest value.
        valid: scalar bool. An invalid row returns as all NaN.
        filters: whether filters act. If False, `keep` does nothing and a temperature of 0 leaves
            every value at 0.
    """

    values: jax.Array
    tops: jax.Array
    max: jax.Array
    valid: jax.Array
    filters: bool = True

    @classmethod
    def of(cls, logits: jax.Array, filters: bool = True) -> Row:
        """Make a row from logits `[V]`; ValueError for any other rank."""
        return cls(*clean(logits), filters)

    @classmethod
    def holding(cls, values: jax.Array, valid: jax.Array) -> Row:
        """Make a row from values `[V]` that contain no NaN and no +inf."""
        tops = block_maxima(values)
        return cls(values, tops, row_max(tops), valid)

    @property
    def logits(self) -> jax.Array:
        """The row as logits `[V]` float32, NaN everywhere if it is invalid."""
        return jnp.where(self.valid, self.values, jnp.nan)

    @property
    def kept(self) -> jax.Array:
        """The mask of the kept tokens, `[V]` bool."""
        return self.values > -jnp.inf

    @property
    def count(self) -> jax.Array:
        """The number of kept tokens, int32."""
        return jnp.sum(self.kept, dtype=jnp.int32)

    @property
    def ties(self) -> jax.Array:
        """The number of tokens with the largest value, float32."""
        return self.sum(is_top)

    @property
    def size(self) -> int:
        """The size of the vocabulary, V."""
        return self.values.shape[0]

    def value(self, token: jax.Array) -> jax.Array:
        """The value of a token."""
        return self.values[token]

    def sum(self, *terms: Term) -> Any:
        """Sum each term over the kept tokens in a fixed order; several terms return a tuple."""
        weights = [weighed(term, self.values, self.max) for term in terms]
        sums: list[jax.Array] = []
        for a, b in zip(weights[::2], weights[1::2], strict=False):
            sums.extend(tree_sums(a, b))
        if len(weights) % 2:
            sums.append(tree_sum(weights[-1]))
        return tuple(sums) if len(sums) > 1 else sums[0]

    def kth(self, k: Number) -> jax.Array:
        """The k-th largest value, where ties count separately; -inf if fewer tokens are kept."""
        check_scalar(k)
        return kth_value(lax.stop_gradient(self.values), k, lax.stop_gradient(self.max))

    def value_at(self, term: Term, share: Number, total: jax.Array | None = None) -> jax.Array:
        """The smallest value such that the terms above it sum to less than a share of the total.

        The terms must be >= 0. The result is -inf if all terms together sum to less than the share.
        Pass the `total` if it is known, up to rounding; this saves a pass over the row.
        """
        check_scalar(share)
        values, top, share, total = lax.stop_gradient((self.values, self.max, share, total))

        def weigh(values):
            return weighed(term, values, top)

        weights = lax.stop_gradient(weigh(values))
        total = tree_sum(weights) if total is None else total
        return value_at_mass(values, weights, weigh, share * total, total, top)

    def largest(self, n: int) -> jax.Array:
        """The n largest values in descending order, padded with -inf."""
        if n >= self.tops.shape[0]:
            return self.ranked(n)[0]
        # The n largest values lie in the n blocks with the largest maxima.
        within = lax.top_k(self.tops, n)[1]
        return lax.top_k(blocks(self.values, -jnp.inf)[within].reshape(-1), n)[0]

    def ranked(self, n: int) -> tuple[jax.Array, jax.Array]:
        """The n largest values in descending order, and their tokens.

        Tokens with equal values are in ascending order. Both arrays are padded, with -inf and -1.
        """
        values, tokens = lax.top_k(self.values, min(n, self.size))
        return fill(values, tokens, n)

    def divide(self, t: Number) -> Row:
        """Replace every value by (value - max) / t; t = 0 keeps only the maxima, at 0."""
        check_scalar(t)
        top = self.max

        def change(values):
            changed = divided(clamp_below(values, top), t)
            if not self.filters:
                changed = jnp.where(t > 0, changed, 0.0)
            return jnp.where(values > -jnp.inf, changed, -jnp.inf)

        return self._changed(change, self.valid & ~jnp.isnan(t), max=jnp.float32(0))

    def keep(self, value: Number) -> Row:
        """Drop every token whose value is below `value`; the maxima always stay."""
        check_scalar(value)
        if not self.filters:
            return self
        valid = self.valid & ~jnp.isnan(value)
        value = once(lax.stop_gradient(jnp.minimum(value, self.max)))
        return self._changed(lambda values: jnp.where(values >= value, values, -jnp.inf), valid)

    def keep_nearest(self, centre: jax.Array, share: Number, mass: jax.Array) -> Row:
        """Keep the tokens nearest to a centre, up to a share of the mass.

        The distance of a token is that of `value - max` from `centre`. A token stays while the mass
        of the strictly nearer tokens is less than the share. Tokens at equal distances stay or go
        together, and the nearest always stay. A share of 1 or more keeps everything. `mass` is the
        row's `sum(jnp.exp)`.
        """
        check_scalar(share)
        if not self.filters:
            return self
        values, top, centre, share, mass = lax.stop_gradient(
            (self.values, self.max, once(centre), share, mass)
        )
        near = nearness(values, top, centre)
        weights = lax.optimization_barrier(weighed(jnp.exp, values, top))
        least = value_at_mass(
            near,
            weights,
            lambda near: jnp.exp(centre + near),
            jnp.where(share >= 1, 0.0, share) * mass,
            mass,
            jnp.max(near),
        )
        return keep_near(self, centre, jnp.where(share >= 1, -jnp.inf, least))

    def only(self, members: jax.Array, valid: jax.Array) -> Row:
        """Drop every token outside a mask `[V]`; a window does not have this method.

        Pass `valid` as False if the mask was computed from NaN. The row is then invalid.
        """
        if not self.filters:
            return self
        values = jnp.where(members, self.values, -jnp.inf)
        return Row.holding(values, self.valid & valid)

    def _changed(self, change, valid, **known):
        """Apply a monotone function to all values, and therefore to the maxima of blocks too."""
        values, tops = change(self.values), change(self.tops)
        return dataclasses.replace(self, values=values, tops=tops, valid=valid, **known)


def weighed(term: Term, values: jax.Array, top: jax.Array) -> jax.Array:
    """Return the term of each value, given the maximum `top`; 0 for a dropped token."""
    return jnp.where(values > -jnp.inf, term(clamp_below(values, top)), 0.0)


def nearness(values: jax.Array, top: jax.Array, centre: jax.Array) -> jax.Array:
    """Return minus the distance of each `value - top` from a centre; -inf for a dropped token."""
    return jnp.where(values > -jnp.inf, -jnp.abs(clamp_below(values, top) - centre), -jnp.inf)


def keep_near(row: Row, centre: jax.Array, least: jax.Array) -> Row:
    """Drop every token whose nearness to a centre is below `least`."""
    members = nearness(row.values, row.max, centre) >= least
    return row.only(members, ~jnp.isnan(least) & ~jnp.isnan(centre))


def is_top(below: jax.Array) -> jax.Array:
    """Return 1 for values equal to the maximum, 0 for all others."""
    return jnp.where(below < 0, 0.0, jnp.ones_like(below))


def entropy(row: Row) -> jax.Array:
    """Return the entropy of a row's distribution in nats."""
    return log_mass_and_entropy(row)[1]


def log_mass_and_entropy(row: Row) -> tuple[jax.Array, jax.Array]:
    """Return the log of the summed exp(value - max), and the entropy, both in nats."""
    mass, log_mass, s = masses(row)
    return log_mass, log_mass - s / mass


def masses(row: Row) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the sum of exp(d), its logarithm and the sum of d exp(d), for d = value - max."""
    # Sum the maxima separately: next to a 1 the small terms would be rounded away.
    tops = row.ties
    rest, s = row.sum(lambda d: jnp.where(d < 0, jnp.exp(d), 0.0), lambda d: jnp.exp(d) * d)
    return tops + rest, jnp.log1p(rest + (tops - 1.0)), s


def divided(below: jax.Array, t: Number) -> jax.Array:
    """Divide values below a maximum at 0 by t >= 0; t = 0 leaves 0 at 0 and the rest at -inf."""
    hot = t > 0
    safe = jnp.where(hot, t, 1.0)
    # The derivative below / t**2 overflows for tiny t, where the row is greedy anyway.
    safe = jnp.where(safe > 1e-15, safe, lax.stop_gradient(safe))
    return jnp.where(hot, below / safe, jnp.where(below < 0, -jnp.inf, 0.0))


def fill(values: jax.Array, tokens: jax.Array, n: int) -> tuple[jax.Array, jax.Array]:
    """Pad ranked values with -inf and tokens with -1 to length n; dropped tokens become -1."""
    tokens = jnp.where(values > -jnp.inf, tokens, -1)
    short = (0, n - values.shape[0])
    return (
        jnp.pad(values, short, constant_values=-jnp.inf),
        jnp.pad(tokens, short, constant_values=-1),
    )


def check_scalar(x: Number) -> None:
    """Raise ValueError unless a hyperparameter is one number."""
    if jnp.ndim(x):
        raise ValueError(
            f"a row takes one number per hyperparameter, got shape {list(jnp.shape(x))}; for a "
            "setting per row use jax.vmap over the sampler, or sampler_axes=0"
        )
