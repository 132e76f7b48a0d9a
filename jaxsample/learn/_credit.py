"""What each sample of a group is credited with, against a baseline that does not depend on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Group(NamedTuple):
    """The texts sampled for one prompt, and the text it had.

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
    """Advantages `[K]`, and the worth of the group, a scalar: what the gradient is to raise.

    >>> Credit(advantages=jnp.array([0.5, -0.5]), value=jnp.float32(1.0)).value
    Array(1., dtype=float32)
    """

    advantages: jax.Array
    value: jax.Array


@dataclasses.dataclass(frozen=True)
class KernelScore:
    """Score a group by 2 E k(y, x) - E k(y, y'): likeness to the truth less likeness to itself.

    A proper score for a positive definite kernel: greatest where samples are distributed as the
    texts are. Both arguments of the second term move, so that a sample is credited with twice its
    mean likeness to the others. The baseline is made of pairs without the sample: the usual mean of
    the others' rewards holds k(y_i, y_j), depends on y_i, and cancels part of the diversity term.

    Attributes:
        kernel: `(a, a_length, b, b_length) -> scalar`, such as `hamming`.

    Reference: Gneiting and Raftery, 2007, https://doi.org/10.1198/016214506000001437

    >>> from jaxsample.learn import hamming
    >>> tokens = jnp.array([[1, 2], [1, 2], [1, 3]])
    >>> group = Group(tokens, jnp.full(3, 2), jnp.array([1, 2]), 2, jnp.array([0]), 1)
    >>> KernelScore(hamming)(group)  # all samples are worth the same: alike, or unlike the rest
    Credit(advantages=Array([0., 0., 0.], dtype=float32), value=Array(1., dtype=float32))
    """

    kernel: Callable
    least = 3

    def __call__(self, group: Group) -> Credit:
        """Credit one group; the advantages have mean zero whatever was drawn."""
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
    """Credit each sample with a reward of its own, less the mean of the others' rewards.

    Attributes:
        reward: `Group -> [K]`, jittable; larger is better. A sample's reward must not depend on the
            other samples, else the baseline is biased: see `KernelScore`.

    >>> tokens = jnp.zeros((3, 4), jnp.int32)
    >>> group = Group(tokens, jnp.array([1, 2, 3]), tokens[0], 4, tokens[0], 4)
    >>> Rewards(lambda group: group.lengths)(group)
    Credit(advantages=Array([-1.5,  0. ,  1.5], dtype=float32), value=Array(2., dtype=float32))
    """

    reward: Callable[[Group], jax.Array]
    least = 2

    def __call__(self, group: Group) -> Credit:
        """Credit one group."""
        rewards = jnp.asarray(self.reward(group), jnp.float32)
        count = group.tokens.shape[0]
        if rewards.shape != (count,):
            raise ValueError(f"a reward returns [{count}] numbers, got {list(rewards.shape)}")
        others = (jnp.sum(rewards) - rewards) / (count - 1)
        return Credit(rewards - others, jnp.mean(rewards))


def likeness(kernel: Callable, group: Group) -> tuple[jax.Array, jax.Array]:
    """Return how alike each sample is to the text `[K]` and to each other `[K, K]`, 0 to itself."""
    lengths, width = group.lengths, max(group.tokens.shape[1], group.reference.shape[0])
    # One width for all pairs: a kernel that counts places must be one and the same kernel.
    tokens = jnp.pad(group.tokens, ((0, 0), (0, width - group.tokens.shape[1])))
    reference = jnp.pad(group.reference, (0, width - group.reference.shape[0]))
    match = jax.vmap(kernel, (0, 0, None, None))(tokens, lengths, reference, group.reference_length)
    gram = jax.vmap(
        lambda a, a_length: jax.vmap(lambda b, b_length: kernel(a, a_length, b, b_length))(
            tokens, lengths
        )
    )(tokens, lengths)
    return match, jnp.where(jnp.eye(tokens.shape[0], dtype=bool), 0.0, gram)
