"""A filter that controls the surprise of the drawn tokens."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import lax

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf
from jaxsample.transforms.contract._transform import Transform, transform

LN2 = math.log(2.0)
RANKED = 100  # the number of ratios of neighbouring probabilities that the exponent is fitted to
# A larger error belongs to a token that is never drawn. It must not make mu infinite.
MOST = 1e6


@transform(kind="order")
class Mirostat(Transform):
    """Drop tokens whose surprise exceeds mu bits, and adapt mu to the drawn tokens.

    After each token, mu falls by eta * (S - tau), where S = -log2 p is the surprise of the token
    and p its probability in the incoming row, before this filter. So the mean surprise approaches
    tau bits. mu starts at 2 tau. A token of probability 0 does not change it.

    Version 2 keeps the tokens with -log2 p <= mu. Version 1 fits Zipf's exponent s to the first
    100 ratios of neighbouring probabilities and keeps round(k) + 1 tokens, where
    k = ((s - 1) 2^mu / (1 - V^(1 - s)))^(1 / s). Tied tokens are kept or dropped together, and the
    maxima stay for every mu. Neutral: tau = inf.

    The state is mu.

    Attributes:
        tau: the target surprise in bits, >= 0; a leaf.
        eta: the learning rate of mu, >= 0; a leaf.
        version: 1 or 2; static.

    Raises:
        ValueError: if a Python number lies outside its range.

    Reference: Basu et al., 2020, https://arxiv.org/abs/2007.14966

    >>> row = jnp.log2(jnp.array([0.5, 0.25, 0.125, 0.125])) * jnp.log(2.0)
    >>> miro = Mirostat(1.25, 0.5)
    >>> jnp.isfinite(miro(row))
    Array([ True,  True, False, False], dtype=bool)
    >>> miro.update(None, row, 0)
    Array(2.625, dtype=float32)
    """

    tau: FloatLeaf = field(low=0.0)
    eta: FloatLeaf = field(low=0.0, high=1e6)
    version: int = field(default=2, static=True, low=1, high=2)

    def init(self, key, prompt):
        del key, prompt
        return 2.0 * jnp.asarray(self.tau, jnp.float32)

    def on(self, row, state=None, hidden=None):
        del hidden
        mu = lax.stop_gradient(self._state(state))
        edge = _zipf_edge(row, mu) if self.version == 1 else _surprise_edge(row, mu)
        return row.keep(jnp.where(self._off, -jnp.inf, edge))

    def after(self, row, state, token, hidden=None):
        del hidden
        mu, value = self._state(state), lax.stop_gradient(row.value(token))
        top, total = lax.stop_gradient((row.max, row.sum(jnp.exp)))
        possible = value > -jnp.inf
        surprise = (jnp.log(total) - (jnp.where(possible, value, top) - top)) / LN2
        error, eta = (jnp.clip(x, -MOST, MOST) for x in (surprise - self.tau, self.eta))
        return jnp.where(possible & ~self._off, mu - eta * error, mu)

    @property
    def _off(self):
        return jnp.asarray(self.tau) == jnp.inf


def _surprise_edge(row, mu):
    """Return the value of a token with a surprise of mu bits."""
    return row.max + jnp.log(row.sum(jnp.exp)) - mu * LN2


def _zipf_edge(row, mu):
    """Return the value of the last kept token, from Zipf's law fitted to the largest values."""
    best = lax.stop_gradient(row.largest(RANKED + 1))
    ranks = jnp.arange(1, RANKED + 1, dtype=jnp.float32)
    t = jnp.log1p(1.0 / ranks)
    ends = best[1:] == -jnp.inf
    b = jnp.where(ends, 0.0, best[:-1] - jnp.where(ends, 0.0, best[1:]))
    t = jnp.where(ends, 0.0, t)
    s = jnp.sum(t * b) / jnp.maximum(jnp.sum(t * t), 1e-9)
    s = jnp.clip(s, 1e-6, 1e6)
    size = math.log(max(row.size, 2))
    gap = (s - 1.0) * size
    # (s - 1) / (1 - V^(1 - s)), whose limit at s = 1 is 1 / ln V.
    flat = jnp.abs(gap) < 1e-6
    safe = jnp.where(flat, 1.0, gap)
    ratio = jnp.where(flat, 0.0, jnp.log(safe / -jnp.expm1(-safe)))
    k = jnp.exp(jnp.clip((mu * LN2 + ratio - math.log(size)) / s, -80.0, size))
    kth = row.kth(jnp.round(jnp.nan_to_num(k)).astype(jnp.int32) + 1)
    return jnp.where(jnp.isnan(k), jnp.nan, kth)
