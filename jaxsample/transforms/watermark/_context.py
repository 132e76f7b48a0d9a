"""Secrets of watermarks, and the contexts that they are combined with."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.kernels._noise import as_key, fold_in
from jaxsample.transforms.contract._exported import exported
from jaxsample.transforms.contract._leaves import Leaf


class SecretLeaf(Leaf[int | np.integer | np.ndarray | jax.Array | list[int] | tuple[int, ...]]):
    """Annotation of a leaf of uint32 words that `secret` makes."""


class SecretsLeaf(Leaf[np.ndarray | jax.Array | list[int] | tuple[int, ...] | range]):
    """Annotation of a leaf of uint32 words that `secrets` makes."""


@exported
class Recent(NamedTuple):
    """The last tokens of one row.

    Attributes:
        tokens: `[width]` int32, oldest first, padded with 0 on the left.
        count: int32, the number of tokens, at most `width`.
    """

    tokens: jax.Array
    count: jax.Array

    @classmethod
    def of(cls, prompt: Any, width: int) -> Recent:
        """Return the last tokens of a `Prompt`; none if the prompt is None."""
        if prompt is None:
            return cls(jnp.zeros(width, jnp.int32), jnp.int32(0))
        places = prompt.length - width + jnp.arange(width, dtype=jnp.int32)
        tokens = prompt.tokens[jnp.clip(places, 0, prompt.tokens.shape[0] - 1)]
        tokens = jnp.where(places >= 0, tokens, 0).astype(jnp.int32)
        return cls(tokens, jnp.minimum(prompt.length, width).astype(jnp.int32))

    def then(self, token: jax.Array) -> Recent:
        """Return the last tokens after one more token."""
        tokens = jnp.concatenate([self.tokens[1:], jnp.asarray(token, jnp.int32)[None]])
        return Recent(tokens, jnp.minimum(self.count + 1, tokens.shape[0]))

    @property
    def whole(self) -> jax.Array:
        """Whether there are `width` tokens."""
        return self.count >= self.tokens.shape[0]


def key_of(words: jax.Array, context: jax.Array) -> jax.Array:
    """Return the keyed hash of a context `[width]` under a secret `[2]`, as a threefry key."""
    key = jax.random.wrap_key_data(jnp.asarray(words), impl="threefry2x32")
    for i in range(context.shape[0]):
        key = fold_in(key, context[i])
    return key


def secret(owner: str, key: Any) -> Any:
    """Return a secret key as its words, uint32 `[.., 2]`.

    Raises:
        ValueError: if it is not an int in [0, 2**64), a PRNG key or words of one.
    """
    wrong = ValueError(
        f"{owner}: key must be an int in [0, 2**64), a PRNG key or uint32 words [.., 2], "
        f"got {key!r}"
    )
    scalar = isinstance(key, np.ndarray) and not key.ndim and key.dtype.kind in "iu"
    if scalar or (isinstance(key, int | np.integer) and not isinstance(key, bool)):
        number = int(key)
        if not 0 <= number < 2**64:
            raise wrong
        return np.array([number >> 32, number & 0xFFFFFFFF], np.uint32)
    words = _integers(key)
    if words is None:
        raise wrong
    if jnp.issubdtype(words.dtype, jax.dtypes.prng_key):
        return jax.random.key_data(as_key(jnp.asarray(words)))
    if not words.ndim:  # on a device, or traced
        low = jnp.asarray(words).astype(jnp.uint32)
        high = (words >> 32).astype(jnp.uint32) if words.dtype.itemsize == 8 else 0 * low
        return jnp.stack([high, low])
    if words.shape[-1] != 2 or not _fit(words):
        raise wrong
    return words.astype(jnp.uint32)


def secrets(owner: str, keys: Any) -> Any:
    """Return secret keys, one for each round, as uint32 `[.., depth]`.

    Raises:
        ValueError: if they are not a row of ints in [0, 2**32).
    """
    words = _integers(keys)
    if words is None or not words.ndim or not words.size or not _fit(words):
        raise ValueError(
            f"{owner}: keys must be a row of ints in [0, 2**32), one for each round, got {keys!r}"
        )
    return words.astype(jnp.uint32)


def _fit(words):
    """Return whether all words fit in 32 bits; do not wait for arrays on a device."""
    if isinstance(words, jax.Array):
        return jnp.issubdtype(words.dtype, jnp.integer)
    return not words.size or (words.min() >= 0 and words.max() < 2**32)


def _integers(given):
    if isinstance(given, jax.Array):
        array = given
    else:
        try:
            array = np.asarray(given)
        except (TypeError, ValueError, OverflowError):
            return None
    whole = jnp.issubdtype(array.dtype, jnp.integer)
    return array if whole or jnp.issubdtype(array.dtype, jax.dtypes.prng_key) else None
