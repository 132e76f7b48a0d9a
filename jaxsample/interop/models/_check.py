"""Check that a model keeps the contract of `Model`, by running it."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsample.decode._contract import streams_of
from jaxsample.decode._model import Model
from jaxsample.interop.models._rules import RULES
from jaxsample.interop.models._subject import Broken, Misshapen, Subject


def check_model(
    model: Model,
    params: Any,
    vocab_size: int,
    *,
    max_length: int = 16,
    tolerance: float = 1e-3,
) -> dict[str, float]:
    """Check on a few short rows that a model keeps the contract, and say what mends it.

    Decoding trusts a model to treat each row alone. A model that does not is silently wrong, for
    example for prompts of different lengths. Each rule compares logits that should be equal. A
    model whose weights are all near zero shows little, so give it trained or larger random ones.

    Args:
        model: a model of one stream; of a guided one check the inner model.
        params: its parameters.
        vocab_size: V.
        max_length: the length of the cache, at least 8. The rows nearly fill it. Give a model with
            a sliding window more than the window: shorter rows do not show mistakes in a ring.
        tolerance: how far logits may differ, as a share of the difference between the largest and
            the smallest. Rounding in float32 stays below 1e-4; bfloat16 needs about 0.05.

    Returns:
        How far logits differ under each rule, as a share of their range.

    Raises:
        ValueError: if the logits are not `[B, T, V]`, or if a rule is broken. The message lists
            all broken rules, each with the helper of `jaxsample.interop` that mends it.

    >>> sorted(check_model(bigram, table, 4))[:2]
    ['a ragged row equals the row alone', 'a token sees nothing later']
    >>> def init_cache(batch, max_length):  # a mistake: [layers, B, ..]
    ...     return jnp.zeros((2, batch, max_length))
    >>> def apply(table, tokens, positions, cache):
    ...     return ModelOutput(table[tokens], None, cache)
    >>> try:
    ...     check_model(Model(init_cache, apply), table, 4)
    ... except ValueError as error:
    ...     print(str(error).replace("; ", "\\n  "))
    the model breaks 1 of 11 rules
    - the batch is the first axis of the cache: cache has shape [2, 3, 16] for 3 rows
      the batch must be axis 0: jaxsample.interop.batch_axis(model, 1) moves it
      rows are repeated, gathered and replaced along it
    """
    if streams_of(model) != 1:
        raise ValueError("the model has several streams: check the model that guided() was given")
    if max_length < 8:
        raise ValueError(f"max_length must be at least 8, got {max_length}")
    if vocab_size < 2:
        raise ValueError(f"vocab_size must be at least 2, got {vocab_size}")
    subject = Subject(model, params, vocab_size, max_length)
    differences, broken = {}, []
    for name, rule in RULES.items():
        try:
            differences[name] = off = rule.test(subject)
            said = None if off <= tolerance else f"logits differ by {off:.3g} of their range"
        except Misshapen as found:
            raise ValueError(f"the model cannot be checked: {found}") from None
        except Broken as found:
            said = str(found)
        except Exception as error:  # whatever the user's model raises
            said = f"{type(error).__name__}: {_first_line(error)}"
        if said is not None:
            broken.append(f"- {name}: {said}\n  {rule.remedy}")
    if broken:
        count = f"{len(broken)} of {len(RULES)} rules"
        raise ValueError("\n".join([f"the model breaks {count}", *broken]))
    return {name: float(np.float32(off)) for name, off in differences.items()}


def _first_line(error):
    return str(error).strip().partition("\n")[0][:200]
