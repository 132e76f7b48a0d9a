"""Chains from Ollama's options and from the PARAMETER lines of its Modelfiles."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jaxsample.interop.settings._llama_cpp_table import ELSEWHERE, ROWS, TEMPERATURE
from jaxsample.interop.settings._rows import Key, Row
from jaxsample.interop.settings._sources import Source, check, opened, pass_unknown
from jaxsample.interop.settings._structured import automata
from jaxsample.interop.settings._table import Table
from jaxsample.interop.settings._values import ids
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.filters._typical import Typical
from jaxsample.transforms.temperatures._temperature import Temperature

TYPICAL = Key("typical_p", 1, absent=lambda p: p in (0, 1))  # Ollama passes no 0 on
# The defaults of the options that make the sampler.
DEFAULTS = {
    "repeat_last_n": 64,
    "repeat_penalty": 1.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "top_k": 40,
    "typical_p": 1.0,
    "top_p": 0.9,
    "min_p": 0.0,
    "temperature": 0.8,
}
TABLE = Table(
    system="Ollama",
    rows=(
        *(
            dataclasses.replace(row, keys={"p": TYPICAL}) if row.make is Typical else row
            for row in ROWS
            if type(row) is Row and row.names <= DEFAULTS.keys()
        ),
        Row(Temperature, TEMPERATURE),
    ),
    defaults=DEFAULTS,
    silent=frozenset(
        "stop seed num_predict num_keep num_ctx num_batch num_gpu num_gqa main_gpu low_vram f16_kv"
        " logits_all vocab_only use_mmap use_mlock num_thread numa draft_num_predict mirostat_tau"
        " mirostat_eta rope_frequency_base rope_frequency_scale embedding_only"
        # what stands beside the options in a request
        " model prompt messages suffix images system template context raw stream keep_alive think"
        " truncate shift logprobs top_logprobs".split()
    ),
    elsewhere={
        "tfs_z": ELSEWHERE["tfs_z"],
        "tools": ELSEWHERE["tools"],
        "penalize_newline": ((True,), "the penalties count every token; use a LogitBias"),
        "mirostat": ((0,), "Ollama no longer has it; put Mirostat(tau, eta) behind Temperature"),
    },
    forms={"format": "format"},
    inside="options",
)
PARAMETER = re.compile(r"\s*PARAMETER\s+(\S+)\s+(.*)", re.IGNORECASE | re.DOTALL)


def from_ollama_options(
    options: Source,
    eos: int | Sequence[int] = (),
    *,
    vocabulary: Sequence[bytes | None] | None = None,
) -> Chain:
    """Make the chain that samples as Ollama does under its options or a Modelfile.

    It is the chain of `from_llama_options` with Ollama's defaults: top-k 40, top-p 0.9, temperature
    0.8. The repetition penalty is off, and counts the last 64 tokens; versions before the middle of
    2026 have a penalty of 1.1, so give `repeat_penalty` for them.

    Args:
        options: the `options` of a request, or the whole request, or the path of a Modelfile or of
            its folder, whose PARAMETER lines are read. Unknown options of a request pass, with one
            warning that names them.
        eos, vocabulary: as for `from_sampling_params`; the `format` of a request needs them.

    Raises:
        ValueError: if an option is out of range, or needs something that a chain cannot do, or if a
            parameter of a Modelfile is unknown. The message names the file, if any, and the option.
        FileNotFoundError: if there is no file at the path.

    Reference: https://github.com/ollama/ollama/blob/main/docs/modelfile.mdx

    >>> from_ollama_options({"temperature": 0.6})
    chain(TopK(k=40), TopP(p=0.9), Temperature(value=0.6))
    """
    with opened(options, "options of Ollama", TABLE, "Modelfile", parameters) as fields:
        if isinstance(options, Mapping):
            pass_unknown(TABLE, fields, strict=False)
            TABLE.check(fields)
        else:
            check(TABLE, fields)
        form = automata(TABLE.forms, fields, vocabulary, ids(eos))
        return chain(*form, TABLE.read(fields))


def to_ollama_options(sampler: Transform) -> dict[str, Any]:
    """Return the options under which Ollama samples as a chain does.

    `from_ollama_options` makes the same chain of them, without members that change nothing.

    Args:
        sampler: a chain of transforms that Ollama has, in its order.

    Raises:
        ValueError: if Ollama has no option for a member, or runs the members in another order.
            The message names the member.

    >>> to_ollama_options(chain(TopK(20), Temperature(0.6)))
    {'top_p': 1, 'top_k': 20, 'temperature': 0.6}
    """
    return TABLE.write(list(chain(sampler)))


def parameters(text: str) -> dict[str, Any]:
    """Return the parameters of a Modelfile; `stop` is a list."""
    found: dict[str, Any] = {}
    for command in _commands(text):
        if match := PARAMETER.match(command):
            name, value = match[1].lower(), match[2].strip()
            if name == "stop":
                found.setdefault(name, []).append(value.strip('"'))
            else:
                found[name] = _number(value.strip('"'))
    return found


def _commands(text: str) -> list[str]:
    """Return the commands, each with all lines of its quoted text."""
    commands: list[str] = []
    quote = ""
    for line in text.splitlines():
        if quote:
            commands[-1] += f"\n{line}"
            quote = "" if line.rstrip().endswith(quote) else quote
        elif line.strip() and not line.lstrip().startswith("#"):
            commands.append(line)
            words = line.split(maxsplit=2)
            named = words[0].upper() in ("PARAMETER", "MESSAGE")  # a name stands before the value
            value = (words[2:] if named else [line.split(maxsplit=1)[-1]])[-1:]
            quote = _open_quote(value[0].rstrip()) if value else ""
    return commands


def _open_quote(value: str) -> str:
    """Return the quote that a value begins and does not end, or an empty text."""
    for quote in ('"""', '"'):
        if value.startswith(quote):
            ends = len(value) >= 2 * len(quote) and value.endswith(quote)
            return "" if ends else quote
    return ""


def _number(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
