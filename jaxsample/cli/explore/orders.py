"""The orders of other systems, and chains to begin with; docs/orders.md explains them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jaxsample
from jaxsample.cli.recommendation import offered
from jaxsample.interop import (
    PRESETS,
    from_generation_config,
    from_llama_options,
    from_sampling_params,
    preset,
)

PENALTIES = "RepetitionPenalty", "FrequencyPenalty", "PresencePenalty"
WARMTHS = "Temperature", "EntropyTemperature", "DynamicTemperature", "Quadratic"

ORDERS: dict[str, tuple[str, ...]] = {
    "transformers": (
        "RepetitionPenalty", "NoRepeatNgram", *WARMTHS, "TopH", "TopK", "TopP", "MinP", "Typical",
        "Epsilon", "Eta",
    ),
    "vLLM": (*PENALTIES, *WARMTHS, "MinP", "TopK", "TopP"),
    "llama.cpp": (
        *PENALTIES, "DRY", "TopNSigma", "TopK", "Typical", "TopP", "MinP", "XTC", *WARMTHS,
        "Mirostat", "AdaptiveP",
    ),
    "SGLang": (*PENALTIES, *WARMTHS, "TopP", "TopK", "MinP"),
    "mlx-lm": (*PENALTIES, "TopP", "MinP", "XTC", "TopK", *WARMTHS),
    "exllamav2": (
        *PENALTIES, "DRY", *WARMTHS, "TopK", "TopP", "TopA", "MinP", "TailFree", "Typical",
        "Mirostat", "XTC",
    ),
    "text-generation-webui": (
        *PENALTIES, "DRY", "TopNSigma", *WARMTHS, "TopK", "TopP", "Typical", "Epsilon", "Eta",
        "TailFree", "TopA", "MinP", "Mirostat", "XTC",
    ),
    "TensorRT-LLM": (
        "RepetitionPenalty", *WARMTHS, "PresencePenalty", "FrequencyPenalty", "TopK", "TopP",
    ),
    "MaxText": ("TopK", "TopP", *WARMTHS),
}  # fmt: skip
"""The order in which each system runs the transforms that it has."""

SERVED = {"temperature": 0.8, "top_p": 0.95, "top_k": 40}


def arranged(members: Sequence[Any], system: str) -> list[Any]:
    """Return members in the order of another system; those that it lacks come last.

    Raises:
        ValueError: if the system is not known.
    """
    if system not in ORDERS:
        raise ValueError(f"no order is named {system!r}; there are {', '.join(ORDERS)}")
    order = ORDERS[system]
    places = {name: place for place, name in enumerate(order)}
    return sorted(members, key=lambda member: places.get(type(member).__name__, len(order)))


def chains(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return chains to begin with, by name.

    Args:
        config: what the model recommends.
    """
    found = {} if (own := offered(config)) is None else {"recommended by the model": own}
    found |= {name: preset(name) for name in PRESETS}
    edt = jaxsample.EntropyTemperature(1.0, 0.5)
    return found | {
        "entropy temperature": jaxsample.chain(edt, jaxsample.MinP(0.05)),
        "transformers' defaults": from_generation_config({"do_sample": True}),
        "llama.cpp's defaults": from_llama_options({}),
        "vLLM with the values of llama.cpp": from_sampling_params(SERVED),
        "the model as it is": jaxsample.chain(),
    }
