"""The credit of a sample towards pass@k."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxsample.learn._credit import Credit, Group, rewards_of


@dataclasses.dataclass(frozen=True)
class PassAtK:
    """Credit each sample with what it adds to pass@k, the chance that one of k samples is right.

    A sample decides whether a set of k has a right one only if the k - 1 others are all wrong. So
    its credit is k times its reward minus the mean reward of the other samples, times the share of
    the sets of k - 1 others that are all wrong. The baseline and the share depend on the other
    samples alone, so the gradient is unbiased. With k = 1 it is that of `Rewards`.

    Large k favour variety, and k = 1 favours the best single answer. Several k give the sum of
    their credits, which balances the two.

    Attributes:
        reward: `Group -> [K]`, jittable: 1 for a right sample and 0 for a wrong one, nothing in
            between. The reward of a sample must not depend on the other samples.
        k: at most the number of samples K; or a tuple of such numbers.

    Raises:
        ValueError: if a k is not an int >= 1, or larger than the group; or if the rewards are not
            `[K]`.

    Reference: the estimator is that of Walder and Karkhanis, 2025,
    https://arxiv.org/abs/2505.15201, with another baseline; the value is that of
    `jaxsample.study.pass_at_k`.

    >>> tokens = jnp.array([[1], [0], [0], [0]])
    >>> group = Group(tokens, jnp.ones(4), tokens[0], 1, tokens[0], 1)
    >>> PassAtK(lambda group: group.tokens[:, 0], 2)(group).value
    Array(0.5, dtype=float32)
    """

    reward: Callable[[Group], jax.Array]
    k: int | tuple[int, ...]

    def __post_init__(self):
        if not self.ks or not all(isinstance(k, int) and k is not True and k >= 1 for k in self.ks):
            raise ValueError(f"k must be an int >= 1, or a tuple of such, got {self.k!r}")

    @property
    def ks(self) -> tuple[int, ...]:
        """All k."""
        return self.k if isinstance(self.k, tuple) else (self.k,)

    @property
    def least(self) -> int:
        """The least number of samples of a group."""
        return max(2, *self.ks)

    def __call__(self, group: Group) -> Credit:
        """Credit one group; the value is the unbiased estimate of its pass@k, summed over k."""
        rewards, count = rewards_of(self.reward, group), group.tokens.shape[0]
        if count < self.least:
            raise ValueError(f"k = {self.k!r} needs {self.least} samples, got {count}")
        wrong = count - jnp.sum(rewards)
        above = rewards - (jnp.sum(rewards) - rewards) / (count - 1)
        others = wrong - (1 - rewards)
        credit = sum(k * _all_wrong(others, count - 1, k - 1) for k in self.ks)
        value = sum(1 - _all_wrong(wrong, count, k) for k in self.ks)
        return Credit(above * credit, jnp.asarray(value))


def _all_wrong(wrong: jax.Array, count: int, k: int) -> jax.Array:
    """Return the share of the sets of k among `count` samples that hold only wrong ones."""
    share = jnp.ones_like(wrong)
    for i in range(k):
        share *= jnp.maximum(wrong - i, 0.0) / (count - i)
    return share
