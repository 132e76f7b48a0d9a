"""Chains from Hugging Face's generation_config.json, and such configs from chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxsample.interop.automaton._stop import stop_strings
from jaxsample.interop.settings._counted import certain, counted, room
from jaxsample.interop.settings._sources import Source, opened, pass_unknown
from jaxsample.interop.settings._transformers_table import (
    ARGUMENTS,
    BEAMS,
    MANY,
    SEARCH,
    TABLE,
    WHOLE,
)
from jaxsample.interop.settings._values import ids, named, number
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.temperatures._temperature import Temperature

# The least values of arguments.
LEAST = {"max_new_tokens": 1, "samples": 1, "returned": 1, "beams": 1, "eos": 0, "pad": 0}
WHAT, FILE = "generation config", "generation_config.json"


def from_generation_config(
    config: Source, *, prompt_length: int | None = None, strict: bool = False
) -> Chain:
    """Make the chain that samples as transformers does under a generation config.

    The order is that of transformers 5: penalties and constraints, then, if `do_sample`, the
    temperature and the filters. As in transformers, `top_k` is 50 if absent, and a config without
    `do_sample` is greedy. Two things differ. Greedy decoding draws one of tied maxima, while
    transformers takes the first. `top_h` reads the whole row, while transformers reads the 100
    likeliest tokens.

    `generate_arguments` returns the fields that are arguments of `generate`, `beam_arguments` those
    of `beam`, and `decoder_prompt` the prompt of Whisper.

    Args:
        config: the fields, or the path of a generation_config.json or of its folder. Null values
            count as absent.
        prompt_length: the number of tokens in the longest prompt, for fields that count it:
            `min_length`, `forced_bos_token_id`, and `forced_eos_token_id` without `max_new_tokens`.
            For an encoder-decoder model it is 1, because the prompt is the start token.
        strict: whether an unknown field raises an error. By default unknown fields are ignored,
            with one warning that names them.

    Raises:
        ValueError: if a field is out of range, or needs something that a chain cannot do, or if the
            file is malformed. The message names the file, if any, and the field.
        FileNotFoundError: if there is no file at the path.

    >>> from_generation_config({"do_sample": True, "temperature": 0.6, "top_p": 0.95})
    chain(Temperature(value=0.6), TopK(k=50), TopP(p=0.95))
    """
    with opened(config, WHAT, TABLE, FILE) as fields:
        _check(fields)
        forced = counted(fields, prompt_length)
        TABLE.check(fields)
        pass_unknown(TABLE, fields, strict)
        return chain(*forced, TABLE.read(fields))


def to_generation_config(sampler: Transform) -> dict[str, Any]:
    """Return the generation config under which transformers samples as a chain does.

    `from_generation_config` makes the same chain of it, without members that change nothing.

    Args:
        sampler: a chain of transforms that transformers has, in its order. A temperature of 0 at
            the end is greedy decoding.

    Raises:
        ValueError: if transformers has no field for a member, or runs the
            members in another order. The message names the member.

    >>> to_generation_config(chain(Temperature(0.7), TopP(0.9)))
    {'top_k': 0, 'do_sample': True, 'temperature': 0.7, 'top_p': 0.9}
    """
    members = list(chain(sampler))
    greedy = bool(members) and members[-1] == Temperature(0.0)
    return TABLE.write(members, {} if greedy else {"do_sample": True})


def generate_arguments(
    config: Source,
    vocabulary: Sequence[bytes | None] | None = None,
    *,
    prompt_length: int | None = None,
) -> dict[str, Any]:
    """Return the fields of a generation config that are arguments of `generate`.

    The keys are the names that `generate` has for them. `max_length` counts the prompt: it becomes
    `max_new_tokens` if the length of the prompt is given, and is left out otherwise. The field
    `max_new_tokens` overrides it. Neither is the `max_length` of `generate`, the room of the cache.

    Args:
        config: as for `from_generation_config`.
        vocabulary: the bytes of each token, from `vocabulary_of`; `stop_strings` needs it.
        prompt_length: the number of tokens in the longest prompt.

    Raises:
        ValueError, FileNotFoundError: as for `from_generation_config`, and if `max_length` leaves
            no room behind the prompt.

    >>> generate_arguments({"max_new_tokens": 20, "eos_token_id": [2, 7], "top_k": 5})
    {'max_new_tokens': 20, 'eos': [2, 7]}
    >>> generate_arguments({"max_length": 20}, prompt_length=15)
    {'max_new_tokens': 5}
    """
    with opened(config, WHAT, TABLE, FILE) as fields:
        _check(fields)
        counted(fields, prompt_length)
        TABLE.check(fields)
        found = {ARGUMENTS[name]: value for name, value in fields.items() if name in ARGUMENTS}
        if (new := room(fields, prompt_length)) is not None:
            found["max_new_tokens"] = new
        _check_arguments(found)
        if found.get("samples") == 1:  # transformers returns no axis of one sample
            del found["samples"]
        if "stop_strings" in fields:
            if vocabulary is None:
                raise ValueError(
                    "stop_strings needs vocabulary=vocabulary_of(tokenizer, special=True)"
                )
            found["stop"] = stop_strings(fields["stop_strings"], vocabulary)
        return found


def beam_arguments(
    config: Source, *, prompt_length: int | None = None, strict: bool = False
) -> dict[str, Any]:
    """Return the arguments of `beam` for a generation config with `num_beams`.

    They include the sampler: penalties and constraints. Temperature and filters need `do_sample`,
    which `beam` does not do. A forced token scores 0, as in transformers.

    Args:
        config, strict: as for `from_generation_config`.
        prompt_length: as for `generate_arguments`.

    Raises:
        ValueError, FileNotFoundError: as for `generate_arguments`, and if the config asks for one
            beam, for samples, or for `stop_strings`.

    >>> beam_arguments({"num_beams": 4, "early_stopping": True, "no_repeat_ngram_size": 3})
    {'sampler': chain(NoRepeatNgram(n=3)), 'beams': 4, 'early_stopping': True}
    """
    with opened(config, WHAT, TABLE, FILE) as fields:
        _check(fields)
        forced = counted(fields, prompt_length)
        SEARCH.check(fields)
        pass_unknown(SEARCH, fields, strict)
        if fields.get("num_beams", 1) == 1:
            raise ValueError("num_beams is 1, so there is no search; call generate")
        if fields.get("do_sample"):
            raise ValueError("do_sample with num_beams draws beams; beam searches without drawing")
        if "stop_strings" in fields:
            raise ValueError("stop_strings cannot end a text of beam; remove them")
        found = {BEAMS[name]: value for name, value in fields.items() if name in BEAMS}
        if (new := room(fields, prompt_length)) is not None:
            found["max_new_tokens"] = new
        _check_arguments(found)
        start = (*forced, certain) if forced else ()
        return {"sampler": chain(*start, SEARCH.read(fields)), **found}


def _check(fields: Mapping[str, Any]) -> None:
    for name in WHOLE & fields.keys():
        value = fields[name]
        listed = value if name in MANY and isinstance(value, list) else [value]
        if not all(type(x) is int for x in listed):
            raise ValueError(f"{name} must be a whole number, got {value!r}")


def _check_arguments(found: Mapping[str, Any]) -> None:
    """Check the values that `generate` and `beam` get."""
    for name in LEAST.keys() & found.keys():
        if any(x < LEAST[name] for x in ids(found[name])):
            raise ValueError(f"{name} must be at least {LEAST[name]}, got {found[name]!r}")
    with named("length_penalty"):
        number(found.get("length_penalty", 1))
    rule = found.get("early_stopping", False)
    if not isinstance(rule, bool) and rule != "never":
        raise ValueError(f"early_stopping must be True, False or 'never', got {rule!r}")
