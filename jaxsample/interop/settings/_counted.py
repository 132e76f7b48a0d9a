"""Fields of a generation config that count the tokens of the prompt."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.interop.settings._values import ids
from jaxsample.transforms.constraints._start import ForceTokens


def room(fields: dict[str, Any], prompt_length: int | None) -> int | None:
    """Return the number of new tokens, or None if the fields and the prompt do not tell it.

    Raises:
        ValueError: if `max_length` leaves no room behind the prompt.
    """
    if "max_new_tokens" in fields:
        return fields["max_new_tokens"]
    if "max_length" not in fields or prompt_length is None:
        return None
    new = fields["max_length"] - prompt_length
    if new < 1:
        raise ValueError(
            f"max_length={fields['max_length']} counts the prompt, which has {prompt_length} "
            "tokens; give a larger one or max_new_tokens"
        )
    return new


def counted(fields: dict[str, Any], prompt_length: int | None) -> tuple[ForceTokens, ...]:
    """Replace the fields that count the prompt, and return the tokens that they force.

    `min_length` becomes `min_new_tokens`. A field stays if nothing tells its place.
    """
    if "min_length" in fields and (prompt_length is not None or "min_new_tokens" in fields):
        least = fields.pop("min_length") - (prompt_length or 0)
        fields.setdefault("min_new_tokens", max(least, 0))
    forced: dict[int, int] = {}
    if prompt_length is not None and (first := fields.pop("forced_bos_token_id", None)) is not None:
        forced |= {0: first} if prompt_length == 1 else {}
    new = room(fields, prompt_length) if "forced_eos_token_id" in fields else None
    if new is not None:
        last = ids(fields.pop("forced_eos_token_id"))
        if len(last) != 1:
            raise ValueError(f"forced_eos_token_id: one token can be forced, got {last}")
        forced[new - 1] = last[0]
    return (ForceTokens([forced.get(n, -1) for n in range(max(forced) + 1)]),) if forced else ()


def certain(row: jax.Array) -> jax.Array:
    """Return a row in which a forced token scores 0, as in the searches of transformers."""
    kept = row > -jnp.inf
    return jnp.where(kept & (jnp.sum(kept) == 1), 0.0, row)
