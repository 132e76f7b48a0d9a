"""The reward of the policy gradient: slots that a text realises, found by its words."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.learn import Group
from jaxsample.study import slot_share


@dataclasses.dataclass(frozen=True)
class SlotReward:
    """The share of slots that each text of a group realises, for `Rewards`.

    The tokens go to the host and are decoded there. The reference of a group holds the meaning as
    tokens.

    Attributes:
        tokenizer: of the model.
    """

    tokenizer: Any

    def __call__(self, group: Group) -> jax.Array:
        """Return `[K]` float32."""
        rewards = jax.ShapeDtypeStruct(group.lengths.shape, jnp.float32)
        given = group.tokens, group.lengths, group.reference, group.reference_length
        return jax.pure_callback(self.shares, rewards, *given, vmap_method="broadcast_all")

    def shares(self, tokens: Any, lengths: Any, meanings: Any, sizes: Any) -> np.ndarray:
        """Return the shares `[.., K]` of texts `[.., K, N]` of meanings `[.., M]`, on the host."""
        tokens, lengths, meanings, sizes = map(np.asarray, (tokens, lengths, meanings, sizes))
        count = lengths.shape[-1]
        rows, ends = tokens.reshape(-1, tokens.shape[-1]), lengths.ravel()
        texts = [self._text(row, end) for row, end in zip(rows, ends, strict=True)]
        rows, ends = meanings.reshape(-1, meanings.shape[-1]), sizes.ravel()
        told = [self._text(row, end) for row, end in zip(rows, ends, strict=True)]
        each = [meaning for meaning in told for _ in range(count)]
        return slot_share(texts, each).reshape(lengths.shape).astype(np.float32)

    def _text(self, ids: np.ndarray, length: int) -> str:
        return self.tokenizer.decode(ids[:length].tolist())
