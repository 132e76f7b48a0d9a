"""The sampler that the generation config of a model recommends."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

SAMPLING = frozenset(
    "do_sample temperature top_k top_p min_p typical_p top_h epsilon_cutoff eta_cutoff"
    " repetition_penalty no_repeat_ngram_size".split()
)
COUNTING = "min_length", "forced_bos_token_id", "forced_eos_token_id"  # they need the lengths


class Lengths(NamedTuple):
    """The number of tokens of a prompt, and the largest number that may follow it."""

    prompt: int
    new: int


def recommended(config: Mapping[str, Any], lengths: Lengths | None = None) -> Any:
    """Return the sampler that a generation config recommends, or None if it recommends none.

    Args:
        config: the config. Its lengths give way to `lengths`.
        lengths: those of the prompt and the text; None if there are several.

    Raises:
        ValueError: if the config holds something that is not understood, that counts the tokens of
            the prompt where there are several lengths, or that asks for a search.
    """
    import jaxsample
    from jaxsample.interop import from_generation_config

    if (beams := config.get("num_beams") or 1) != 1:
        raise ValueError(f"num_beams={beams} is a search; use generate --beams {beams} instead")
    if lengths is not None:
        config = {**config, "max_new_tokens": lengths.new}
    for name in COUNTING if lengths is None else ():
        unused = name == "min_length" and "min_new_tokens" in config
        if not unused and config.get(name) not in (None, 0 if name == "min_length" else None):
            raise ValueError(
                f"{name}={config[name]!r} counts the tokens of prompt and text, which differ here "
                "from prompt to prompt; give the sampler by its flags or by --chain"
            )
    try:
        found = from_generation_config(
            config, prompt_length=None if lengths is None else lengths.prompt
        )
    except ValueError as error:
        raise ValueError(str(error).removeprefix("generation config: ")) from None
    ends_alone = found == jaxsample.chain(jaxsample.Temperature(0.0))
    return None if ends_alone and not SAMPLING & config.keys() else found


def asked_for(config: Mapping[str, Any], lengths: Lengths | None) -> Any:
    """Return the recommended sampler for --generation-config, and name unknown fields on stderr.

    Raises:
        ValueError: as for `recommended`, or if the config recommends nothing.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = recommended(config, lengths)
        except ValueError as error:
            raise ValueError(f"--generation-config: {error}") from None
    for warning in said:
        print(f"--generation-config: {warning.message}", file=sys.stderr)
    if found is None:
        raise ValueError("--generation-config: the model's folder recommends no sampling")
    return found


def offered(config: Mapping[str, Any], lengths: Lengths | None = None) -> Any:
    """Return what `recommended` does, but None if it raises: nobody asked for the config."""
    with contextlib.suppress(ValueError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return recommended(config, lengths)
    return None
