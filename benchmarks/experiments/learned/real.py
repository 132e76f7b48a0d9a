"""A real model on real text, where only the next token is known and not its distribution.

The observed token stands for the truth, so KL is the surprise of that token. Tuning, training,
units (passages of the text) and intervals are as in the other worlds. There is no oracle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxsample_models

from .contexts import Contexts, World, said

NAME = "shakespeare"
MODEL, TEXT = "stories260K", Path("texts") / "tinyshakespeare.txt"


def missing(assets: Path | None) -> str | None:
    """Return the reason why this world cannot be built, or None."""
    if assets is None:
        return "needs --assets DIR with stories260K/ and texts/tinyshakespeare.txt"
    absent = [str(name) for name in (MODEL, TEXT) if not (assets / name).exists()]
    return f"{assets} lacks {' and '.join(absent)}" if absent else None


def shakespeare(assets: Path, plan: dict[str, Any], quick: bool) -> World:
    """Build the world from passages in the order of the text: train, then val, then test.

    Args:
        assets: the folder with the model's folder and the text.
        plan: `real` of the protocol.
        quick: take only the first passages of each part.
    """
    checkpoint = jaxsample_models.load(assets / MODEL)
    begin = checkpoint.generation_config["bos_token_id"]
    text = (assets / TEXT).read_text()
    found = checkpoint.tokenizer.encode(text, add_special_tokens=False).ids
    width, counts = plan["passage"], [plan[part] for part in ("train", "val", "test")]
    if sum(counts) * width > len(found):
        raise ValueError(f"the text has {len(found)} tokens, need {sum(counts) * width}")
    passages = np.asarray(found[: sum(counts) * width], np.int32).reshape(-1, width)
    ends = np.cumsum(counts)
    parts = {}
    for part, end, count in zip(("train", "val", "test"), ends, counts, strict=True):
        taken = passages[end - count : end]
        taken = taken[: plan["quick"][part]] if quick else taken
        parts[part] = _seen(checkpoint, taken, begin)
    return World(NAME, ("token",), **parts)


def _seen(checkpoint, passages, begin):
    logits, hidden = said(checkpoint, passages, begin)
    return Contexts(
        logits,
        hidden,
        jax.nn.one_hot(passages, logits.shape[-1]),
        jnp.asarray(passages),
        jnp.ones(passages.shape, bool),
        jnp.zeros(passages.shape, jnp.int8),
    )
