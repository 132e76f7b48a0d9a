"""Chains from the presets of text-generation-webui."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from jaxsample.interop.settings._sources import Source, check, opened
from jaxsample.interop.settings._strings import texts
from jaxsample.interop.settings._values import ids, listed, named
from jaxsample.interop.settings._webui_table import DEFAULTS, STAGES, TABLE
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform

BREAKERS = ["\n", ":", '"', "*"]


def from_webui_preset(
    preset: Source, *, tokenizer: Any = None, eos: int | Sequence[int] | None = None
) -> Chain:
    """Make the chain that samples as text-generation-webui does under a preset.

    The chain is that of its loader for transformers. Samplers that `sampler_priority` does not list
    run first, and then the others in its order. `temperature_last` moves the temperatures to the
    end. `epsilon_cutoff` and `eta_cutoff` are in units of 1e-4. Without `do_sample` the chain is
    penalties and a greedy temperature.

    Three things differ. Its mirostat measures the surprise of a token among those it kept, ours
    among all. Its top-n-sigma divides by V - 1 where ours divides by V. Its DRY counts at most 50
    repeated tokens.

    Args:
        preset: the settings, or the path of the preset's YAML file, which PyYAML reads.
        tokenizer: a `Text` or a `tokenizers.Tokenizer`. XTC needs it for the line break, which it
            spares, and DRY for its sequence breakers.
        eos: the tokens that end a text; XTC spares them and so needs them, `()` if the model
            has none.

    Raises:
        ValueError: if a setting is unknown, out of range, or needs something that a chain cannot
            do, or an argument that is not given. The message names the file, if any.
        FileNotFoundError: if there is no file at the path.

    Reference: https://github.com/oobabooga/text-generation-webui

    >>> from_webui_preset({"temperature": 0.7, "min_p": 0.05, "temperature_last": True})
    chain(MinP(p=0.05), Temperature(value=0.7))
    """
    with opened(preset, "preset", TABLE, parse=_yaml) as fields:
        check(TABLE, fields)
        if "sampler_priority" in fields:
            fields["sampler_priority"] = _stages(fields["sampler_priority"])
        if fields.get("xtc_probability"):
            fields["xtc_special_tokens"] = _spared(tokenizer, eos)
        if fields.get("dry_multiplier"):
            given = fields.get("dry_sequence_breakers", DEFAULTS["dry_sequence_breakers"])
            fields["dry_sequence_breakers"] = _breakers(given, tokenizer)
        return TABLE.read(fields)


def to_webui_preset(
    sampler: Transform,
    *,
    tokenizer: Any = None,
    eos: int | Sequence[int] | None = None,
    breakers: Sequence[str] = tuple(BREAKERS),
) -> dict[str, Any]:
    """Return the preset under which text-generation-webui samples as a chain does.

    `from_webui_preset` makes the same chain of it, without members that change nothing. Save it
    with `yaml.safe_dump`.

    Args:
        sampler: a chain of transforms that the interface has. A temperature of 0 at the end, with
            penalties alone before it, is greedy decoding.
        tokenizer, eos: as for `from_webui_preset`; `DRY` and `XTC` need them.
        breakers: the strings whose tokens are the breakers of `DRY`.

    Raises:
        ValueError: if the interface has no setting for a member, or runs the
            members in another order. The message names the member.

    >>> to_webui_preset(chain(TopK(20), MinP(0.05)))
    {'top_k': 20, 'min_p': 0.05}
    """
    preset = TABLE.write(list(chain(sampler)))
    keep = preset.pop("xtc_special_tokens", None)
    if keep is not None and keep != _spared(tokenizer, eos):
        raise ValueError(f"text-generation-webui has no XTC that keeps {keep}")
    if "dry_sequence_breakers" in preset:
        strings = json.dumps(list(breakers))
        if preset["dry_sequence_breakers"] != _breakers(strings, tokenizer):
            raise ValueError(f"the breakers of DRY are not the tokens of {list(breakers)!r}")
        preset["dry_sequence_breakers"] = strings
    if "sampler_priority" in preset:
        preset["sampler_priority"] = "\n".join(preset["sampler_priority"])
    return preset


def _yaml(text: str) -> Any:
    """Return what the interface reads from a preset's file."""
    try:
        import yaml
    except ImportError as error:
        raise ImportError("presets need PyYAML: pip install 'jaxsample[webui]'") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {error}") from error


def _stages(given: Any) -> list[str]:
    """Return the stages of a list, or of a text with one on each line or between commas."""
    with named("sampler_priority"):
        names = re.split(r"[\n,]", given) if isinstance(given, str) else listed(given)
    names = list(dict.fromkeys(str(name).strip() for name in names if str(name).strip()))
    names = [name for name in names if name != "adaptive_p"]  # its target must be off
    for name in names:
        if name not in STAGES:
            raise ValueError(f"sampler_priority: there is no {name!r}, only {', '.join(STAGES)}")
    return names


def _spared(tokenizer: Any, eos: int | Sequence[int] | None) -> list[int]:
    """Return the tokens that XTC spares: the line break and the ends."""
    text = texts(tokenizer, "xtc_probability needs the token of a line break")
    if eos is None:
        raise ValueError("xtc_probability: give eos= (() if the model has none)")
    return [text.encode("\n", special=False)[-1], *ids(eos)]


def _breakers(given: Any, tokenizer: Any) -> list[list[int]]:
    """Return the tokens of DRY's breakers, each the last one of a text that ends in the string."""
    text = texts(tokenizer, "dry_sequence_breakers holds strings")
    if not isinstance(given, str):
        raise ValueError(f"dry_sequence_breakers must be a text of JSON, got {given!r}")
    with named("dry_sequence_breakers"):
        strings = json.loads(given if given.startswith("[") else f"[{given}]")
    if not all(isinstance(string, str) for string in strings):
        raise ValueError(f"dry_sequence_breakers must hold strings, got {given!r}")
    tokens = {text.encode(f"a{string}", special=False)[-1]: None for string in strings}
    return [[token] for token in tokens]
