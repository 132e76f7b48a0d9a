"""The end of a text: the tokens and sequences after which nothing more is drawn."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.decode._arguments import check_known, stop_table, token_ids
from jaxsample.transforms.tokens._stop_strings import FOUND, StopStrings


class Ending(NamedTuple):
    """The tokens and sequences that end a row, and the token fed to a row that has ended."""

    eos: jax.Array
    stop: Any
    pad: jax.Array

    @classmethod
    def of(cls, eos: Any, stop: Any, pad: Any) -> Ending:
        """Check and pack the arguments; ValueError if one is not of token ids."""
        pads = token_ids("pad", pad)
        if pads.shape != (1,):
            raise ValueError(f"pad must be one token id, got {pad!r}")
        packed = stop if isinstance(stop, StopStrings) else stop_table(stop)
        return cls(token_ids("eos", eos), packed, pads.reshape(()))

    def check(self, size: int) -> None:
        """Refuse ids outside of a vocabulary; ids on a device are not read.

        Raises:
            ValueError: if an id is not in `[0, size)`.
        """
        check_known("eos", self.eos, size)
        check_known("pad", self.pad.reshape(-1), size)
        if isinstance(self.stop, np.ndarray):
            check_known("stop", self.stop[self.stop >= 0], size)


def written(
    recent: jax.Array,
    matched: jax.Array,
    tokens: jax.Array,
    fed: jax.Array,
    size: int,
    ending: Ending,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Write a token `[B]` into each row where it is fed `[B]`.

    Args:
        recent, matched: see `Decoding`.
        size: V, the number of tokens of the model.

    Returns:
        `recent` and `matched` after it, and whether it ends the row `[B]`.
    """
    last = jnp.concatenate([recent[:, 1:], tokens[:, None]], axis=1)
    recent, stop = jnp.where(fed[:, None], last, recent), ending.stop
    if not isinstance(stop, StopStrings):
        matches = (recent[:, None, :] == stop[None]) | (stop < 0)[None]
        stopped = jnp.any(jnp.all(matches, axis=-1), axis=-1)
    elif stop.classes.shape != (size,):
        raise ValueError(
            f"stop was made for {stop.classes.shape[0]} tokens, the model has {size}; "
            "pass its number of tokens to vocabulary_of as size"
        )
    else:
        matched = stop.after(matched, tokens, fed)
        stopped = fed & (matched[:, 1] == FOUND)
    ended = jnp.any(tokens[:, None] == ending.eos[None, :], axis=1)
    return recent, matched, ended | stopped
