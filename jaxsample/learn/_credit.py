"""Advantages of the samples of a group."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Group(NamedTuple):
    """The texts sampled for one prompt, and the reference text of that prompt.

    Attributes:
        tokens: `[K, N]`, right-padded.
        lengths: `[K]`.
        reference: `[M]`, right-padded.
        reference_length: scalar.
        prompt: `[P]`, right-padded.
        prompt_length: scalar.

    >>> tokens = jnp.array([[1, 2], [1, 3], [1, 2]])
    >>> group = Group(tokens, jnp.full(3, 2), tokens[0], 2, jnp.array([0]), 1)
    >>> (group.tokens[:, 1] == group.reference[1]).tolist()
    [True, False, True]
    """

    tokens: jax.Array
    lengths: jax.Array
    reference: jax.Array
    reference_length: jax.Array
    prompt: jax.Array
    prompt_length: jax.Array


class Credit(NamedTuple):
    """The advantage of each sample of a group, and the value of the group.

    Attributes:
        advantages: `[K]`.
        value: scalar, the quantity that the gradient raises.

    >>> Credit(advantages=jnp.array([0.5, -0.5]), value=jnp.float32(1.0)).value
    Array(1., dtype=float32)
    """

    advantages: jax.Array
    value: jax.Array


@dataclasses.dataclass(frozen=True)
class KernelScore:
    """Score a group by 2 E k(y, x) - E k(y, y'), for samples y, y' and the reference x.

    For a positive definite kernel the score is proper: it is greatest if the samples have the
    distribution of the reference texts. Both arguments of the second term are samples, so twice the
    mean similarity of a sample to the others is subtracted from its credit.

    The baseline of a sample uses only pairs without that sample. The usual baseline, the mean
    reward of the others, contains k(y_i, y_j), so it depends on y_i and cancels part of the
    diversity term.

    Attributes:
        kernel: `(a, a_length, b, b_length) -> scalar`, such as `hamming`.

    Reference: Gneiting and Raftery, 2007, https://doi.org/10.1198/016214506000001437

    >>> from jaxsample.learn import hamming
    >>> tokens = jnp.array([[1, 2], [1, 2], [1, 3]])
    >>> group = Group(tokens, jnp.full(3, 2), jnp.array([1, 2]), 2, jnp.array([0]), 1)
    >>> KernelScore(hamming)(group)  # every sample gets the same credit here
    Credit(advantages=Array([0., 0., 0.], dtype=float32), value=Array(1., dtype=float32))
    """

    kernel: Callable
    least = 3

    def __call__(self, group: Group) -> Credit:
        """Credit one group; the advantages always have mean zero."""
        match, gram = likeness(self.kernel, group)
        count = match.shape[0]
        likened = jnp.sum(gram, axis=1)
        credit = 2.0 * match - 2.0 * likened / (count - 1)
        others = (jnp.sum(match) - match) / (count - 1)
        without = (jnp.sum(gram) - 2.0 * likened) / ((count - 1) * (count - 2))
        value = 2.0 * jnp.mean(match) - jnp.sum(gram) / (count * (count - 1))
        return Credit(credit - (2.0 * others - 2.0 * without), value)


@dataclasses.dataclass(frozen=True)
class Rewards:
    """Credit each sample with its own reward minus a baseline.

    The gradient is unbiased with either baseline.

    Attributes:
        reward: `Group -> [K]`, jittable; larger is better. The reward of a sample must not depend
            on the other samples, or the baseline is biased; see `KernelScore`.
        baseline: "leave-one-out" is the mean reward of the other samples; None is 0, which has a
            much larger variance and allows a single sample.

    Raises:
        ValueError: if the baseline has another name, or if the rewards are not `[K]`.

    Reference: Kool et al., 2019, https://openreview.net/forum?id=r1lgTGL5DE

    >>> tokens = jnp.zeros((3, 4), jnp.int32)
    >>> group = Group(tokens, jnp.array([1, 2, 3]), tokens[0], 4, tokens[0], 4)
    >>> Rewards(lambda group: group.lengths)(group)
    Credit(advantages=Array([-1.5,  0. ,  1.5], dtype=float32), value=Array(2., dtype=float32))
    """

    reward: Callable[[Group], jax.Array]
    baseline: str | None = "leave-one-out"

    def __post_init__(self):
        if self.baseline not in ("leave-one-out", None):
            raise ValueError(f'baseline must be "leave-one-out" or None, got {self.baseline!r}')

    @property
    def least(self) -> int:
        """The least number of samples of a group."""
        return 1 if self.baseline is None else 2

    def __call__(self, group: Group) -> Credit:
        """Credit one group."""
        rewards, count = rewards_of(self.reward, group), group.tokens.shape[0]
        value = jnp.mean(rewards)
        if self.baseline is None:
            return Credit(rewards, value)
        others = (jnp.sum(rewards) - rewards) / (count - 1)
        return Credit(rewards - others, value)


def rewards_of(reward: Callable[[Group], jax.Array], group: Group) -> jax.Array:
    """Return the rewards of a group, `[K]` float32; ValueError if they have another shape."""
    rewards, count = jnp.asarray(reward(group), jnp.float32), group.tokens.shape[0]
    if rewards.shape != (count,):
        raise ValueError(f"reward must return [{count}] numbers, got {list(rewards.shape)}")
    return rewards


def likeness(kernel: Callable, group: Group) -> tuple[jax.Array, jax.Array]:
    """Return the similarity of each sample to the reference and to the other samples.

    Returns:
        `[K]`, and `[K, K]` with 0 on the diagonal.
    """
    lengths, width = group.lengths, max(group.tokens.shape[1], group.reference.shape[0])
    # Pad all texts to one width: a kernel such as `hamming` depends on the width.
    tokens = jnp.pad(group.tokens, ((0, 0), (0, width - group.tokens.shape[1])))
    reference = jnp.pad(group.reference, (0, width - group.reference.shape[0]))
    match = jax.vmap(kernel, (0, 0, None, None))(tokens, lengths, reference, group.reference_length)
    gram = jax.vmap(
        lambda a, a_length: jax.vmap(lambda b, b_length: kernel(a, a_length, b, b_length))(
            tokens, lengths
        )
    )(tokens, lengths)
    return match, jnp.where(jnp.eye(tokens.shape[0], dtype=bool), 0.0, gram)
