"""The tokens that many prompts begin with, read once for all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from jaxsample.decode._after import FEWEST
from jaxsample.decode._model import Model
from jaxsample.decode._prefill import prefill
from jaxsample.decode._step import Decoding
from jaxsample.transforms.contract._chain import chain

WIDTH = 64  # a prompt is padded to a multiple of it


def read_common(
    model: Model, params: Any, prompts: Iterable[Any], *, max_length: int, chunk: int = 512
) -> Decoding | None:
    """Read the common beginning of all prompts once, for the argument `after` of `rollout`.

    Args:
        model, params, max_length, chunk: see `prefill`.
        prompts: `[P]` token ids each, such as questions with the same examples before them.

    Returns:
        A `Decoding` of one row; None if the prompts have fewer than 16 tokens in common.

    >>> prompts = [[0, 1, 2, 3] * 5 + [token] for token in (1, 2)]
    >>> read_common(bigram, table, prompts, max_length=32, chunk=8).position.tolist()
    [20]
    """
    lists = [np.asarray(prompt).tolist() for prompt in prompts]
    if not lists:
        return None
    first, last = min(lists), max(lists)  # any other lies between, so it shares what these do
    pairs = enumerate(zip(first, last, strict=False))
    count = next((i for i, (a, b) in pairs if a != b), len(first))
    if count < FEWEST:
        return None
    # Prompts of several lengths share a program.
    tokens = np.zeros((1, min(-(-count // WIDTH) * WIDTH, max_length)), np.int32)
    tokens[0, :count] = first[:count]
    given = jax.random.key(0), model, params, tokens, chain()
    return prefill(*given, lengths=np.asarray([count]), max_length=max_length, chunk=chunk)
