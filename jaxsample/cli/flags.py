"""The flags that make a sampler, shared by the commands."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from jaxsample import Transform

PANEL = "Sampler, in the order in which it runs"


def _option(flag: str, text: str, metavar: str | None = None) -> Any:
    return typer.Option(flag, help=text, metavar=metavar, rich_help_panel=PANEL, show_default=False)


Temperature = Annotated[
    float | None,
    _option("--temperature", "Divide the logits by T; 0 is greedy.", "T"),
]
Edt = Annotated[
    tuple[float, float] | None,
    _option(
        "--edt",
        "Entropy-dependent temperature: divide the logits by T0 * 0.8 ** (THETA / H), where H is "
        "the entropy of the next token. Use it instead of --temperature.",
        "T0 THETA",
    ),
]
TopK = Annotated[int | None, _option("--top-k", "Keep the K most likely tokens.", "K")]
TopP = Annotated[
    float | None,
    _option("--top-p", "Keep the most likely tokens, until their probabilities sum to P.", "P"),
]
MinP = Annotated[
    float | None,
    _option("--min-p", "Keep tokens at least P times as likely as the most likely one.", "P"),
]
Preset = Annotated[
    str | None,
    _option(
        "--preset",
        "A temperature and a top-p by name: code, creative, chat, comment, analysis or explore. "
        "--temperature and --top-p override its values.",
        "NAME",
    ),
]

Policy = Annotated[
    Path | None,
    _option(
        "--policy",
        "A folder with a learned sampler, written by jaxsample.learn.save. It runs before the "
        "other flags.",
        "DIR",
    ),
]


@dataclasses.dataclass(frozen=True)
class SamplerFlags:
    """The values of the flags above; None for a flag that was not given."""

    temperature: float | None = None
    edt: tuple[float, float] | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    preset: str | None = None
    policy: Path | None = None

    def members(self) -> list[Transform]:
        """Return the members of the sampler: the policy, temperature or EDT, top-k, top-p, min-p.

        Raises:
            ValueError: if a value is out of range, or both --edt and --temperature are given.
        """
        import jaxsample
        from jaxsample.interop import preset

        if self.edt is not None and self.temperature is not None:
            raise ValueError("--edt replaces --temperature; give one of them")
        temperature, top_p = self.temperature, self.top_p
        if self.preset is not None:
            warmth, nucleus = _checked("--preset", preset, self.preset)
            temperature = warmth.value if temperature is None else temperature
            top_p = nucleus.p if top_p is None else top_p
        members = []
        if self.policy is not None:
            from jaxsample.learn import load

            members.append(_checked("--policy", load, self.policy))
        if self.edt is not None:
            members.append(_checked("--edt", jaxsample.EntropyTemperature, *self.edt))
        elif temperature is not None:
            members.append(_checked("--temperature", jaxsample.Temperature, temperature))
        if self.top_k is not None:
            members.append(_checked("--top-k", jaxsample.TopK, self.top_k))
        if top_p is not None:
            members.append(_checked("--top-p", jaxsample.TopP, top_p))
        if self.min_p is not None:
            members.append(_checked("--min-p", jaxsample.MinP, self.min_p))
        return members


def _checked(flag: str, make: Any, *values: Any) -> Any:
    try:
        return make(*values)
    except ValueError as error:
        raise ValueError(f"{flag}: {error}") from None
