"""Chains from the arguments of mlx-lm's samplers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxsample.interop.settings._rows import Key, Row
from jaxsample.interop.settings._sampling_params import bias_row
from jaxsample.interop.settings._sources import check, opened
from jaxsample.interop.settings._table import Table
from jaxsample.interop.settings._values import ids, number, within
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.filters._truncation import MinP, TopK, TopP
from jaxsample.transforms.filters._xtc import XTC
from jaxsample.transforms.penalties._counts import (
    FrequencyPenalty,
    PresencePenalty,
    RepetitionPenalty,
)
from jaxsample.transforms.temperatures._temperature import Temperature


def _last(name: str) -> Key:
    """Return the setting of a window; 0 means all tokens."""
    return Key(
        name,
        into=lambda n: number(n) or None,
        back=lambda window: 0 if window is None else window,
    )


ALL = {"scope": "all"}
TABLE = Table(
    system="mlx-lm",
    rows=(
        bias_row(),
        Row(
            RepetitionPenalty,
            {
                "penalty": Key("repetition_penalty", 0, absent=lambda p: p in (0, 1)),
                "window": _last("repetition_context_size"),
            },
            ALL,
        ),
        Row(
            PresencePenalty,
            {"strength": Key("presence_penalty", 0), "window": _last("presence_context_size")},
            ALL,
        ),
        Row(
            FrequencyPenalty,
            {"strength": Key("frequency_penalty", 0), "window": _last("frequency_context_size")},
            ALL,
        ),
        Row(TopP, {"p": Key("top_p", 0, absent=lambda p: p in (0, 1))}, drawn=True),
        Row(MinP, {"p": Key("min_p", 0)}, drawn=True),
        Row(
            XTC,
            {
                "probability": Key("xtc_probability", 0),
                "threshold": Key("xtc_threshold", into=within(0, 0.5)),
                "keep": Key("xtc_special_tokens", into=ids, back=list),
            },
            {"spare": "tokens"},
            drawn=True,
        ),
        Row(TopK, {"k": Key("top_k", 0, absent=lambda k: k <= 0)}, drawn=True),
        Row(Temperature, {"value": Key("temp", 1)}),
    ),
    defaults={
        "temp": 0.0,
        "xtc_threshold": 0.1,
        "xtc_special_tokens": [],
        "repetition_context_size": 20,
        "presence_context_size": 20,
        "frequency_context_size": 20,
    },
    silent=frozenset(
        "max_tokens model prompt messages stream seed stop verbose logprobs max_kv_size"
        " prompt_cache num_draft_tokens draft_model".split()
    ),
    elsewhere={
        "min_tokens_to_keep": ((1,), "every filter keeps one token at least"),
        "temperature": ((), "the argument of make_sampler is named temp"),
    },
)


def from_mlx_arguments(arguments: Mapping[str, Any]) -> Chain:
    """Make the chain that samples as mlx-lm does under arguments of its samplers.

    The arguments are those of `make_logits_processors` and `make_sampler`, in one dict. The order
    is bias, repetition, presence and frequency penalty over the last 20 tokens of prompt and
    output, top-p, min-p, XTC, top-k, temperature. The default temperature of 0 is greedy and runs
    no filter; it draws one of tied maxima. The penalties are those of mlx-lm's batches; its
    `generate_step` counts of the prompt its last token alone.

    Two things differ. mlx-lm cuts inside of ties, we keep all of a tie. It draws one random number
    of XTC for all rows, ours has one for each.

    Args:
        arguments: absent and null ones have mlx-lm's defaults.

    Raises:
        ValueError: if an argument is unknown, out of range, or needs something that a chain cannot
            do. The message names it.

    Reference: https://github.com/ml-explore/mlx-lm/blob/main/mlx_lm/sample_utils.py

    >>> from_mlx_arguments({"temp": 0.7, "top_p": 0.9, "repetition_penalty": 1.1})
    chain(RepetitionPenalty(penalty=1.1, window=20), TopP(p=0.9), Temperature(value=0.7))
    """
    with opened(arguments, "arguments of mlx-lm", TABLE) as fields:
        check(TABLE, fields)
        return TABLE.read(fields)


def to_mlx_arguments(sampler: Transform) -> dict[str, Any]:
    """Return the arguments under which mlx-lm samples as a chain does.

    `from_mlx_arguments` makes the same chain of them, without members that change nothing. Those of
    the penalties and the bias are for `make_logits_processors`, the others for `make_sampler`.

    Args:
        sampler: a chain of transforms that mlx-lm has, in its order. No filter may stand before a
            temperature of 0.

    Raises:
        ValueError: if mlx-lm has no argument for a member, or runs the
            members in another order. The message names the member.

    >>> to_mlx_arguments(chain(TopP(0.9), Temperature(0.7)))
    {'top_p': 0.9, 'temp': 0.7}
    """
    return TABLE.write(list(chain(sampler)))
