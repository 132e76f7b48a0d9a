"""The credit of a sample towards pass@k, for one k or several."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jaxsample.learn import Credit, Group
from jaxsample_models.arithmetic import right


@dataclasses.dataclass(frozen=True)
class PassAtK:
    """Credit each sample with what it adds to pass@k.

    A sample changes whether a set of k is solved only if the k - 1 others are all wrong. So its
    credit is k times its reward minus the mean reward of the other samples, times the share of the
    sets of k - 1 others that are all wrong. The baseline and the share depend on the other samples
    alone, so the gradient is that of pass@k, without bias. With k = 1 it is that of
    `jaxsample.learn.Rewards`. The value is that of `jaxsample.study.pass_at_k`, in JAX.

    Attributes:
        reward: `Group -> [K]` of 0 and 1, jittable.
        k: at most the number of samples K.

    Reference: the estimator is that of Walder and Karkhanis, 2025,
    https://arxiv.org/abs/2505.15201, with another baseline.
    """

    reward: Callable[[Group], jax.Array]
    k: int

    @property
    def least(self) -> int:
        """The smallest number of samples."""
        return max(self.k, 2)

    def __call__(self, group: Group) -> Credit:
        """Credit one group; the value is the unbiased estimate of its pass@k."""
        rewards = self.reward(group)
        count = len(rewards)
        wrong = count - jnp.sum(rewards)
        others = (jnp.sum(rewards) - rewards) / (count - 1)
        alone = _all_wrong(wrong - (1 - rewards), count - 1, self.k - 1)
        return Credit(self.k * (rewards - others) * alone, 1 - _all_wrong(wrong, count, self.k))


@dataclasses.dataclass(frozen=True)
class Summed:
    """Credit each sample with the sum of several credits; the values are summed too.

    Attributes:
        credits: `Group -> Credit`, with `least`.
    """

    credits: tuple[PassAtK, ...]

    @property
    def least(self) -> int:
        """The smallest number of samples."""
        return max(credit.least for credit in self.credits)

    def __call__(self, group: Group) -> Credit:
        """Credit one group."""
        found = [credit(group) for credit in self.credits]
        return Credit(sum(x.advantages for x in found), sum(x.value for x in found))


def credit_of(ks: Sequence[int]) -> Summed:
    """Return the credit towards the sum of pass@k for each of `ks`."""
    return Summed(tuple(PassAtK(right, k) for k in ks))


def _all_wrong(wrong: jax.Array, count: int, k: int) -> jax.Array:
    """Return the share of the sets of k among `count` samples that hold only wrong ones."""
    drawn = jnp.arange(k)
    left = jnp.maximum(wrong[..., None] - drawn, 0)
    return jnp.prod(left / (count - drawn), axis=-1)
