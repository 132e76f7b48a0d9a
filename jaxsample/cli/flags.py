"""The flags that make a sampler, shared by the commands."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxsample.cli.chains import read_chain
from jaxsample.cli.recommendation import Lengths, asked_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxsample import Transform

WHOLE = ("chain", "generation_config", "policy")
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
TopK = Annotated[int | None, _option("--top-k", "Keep the K most likely tokens; 0 is off.", "K")]
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

RepetitionPenalty = Annotated[
    float | None,
    _option(
        "--repetition-penalty",
        "Divide the logits of tokens that occurred, prompt included, by R; 1 is off.",
        "R",
    ),
]
FrequencyPenalty = Annotated[
    float | None,
    _option(
        "--frequency-penalty",
        "Lower the logit of a token by A for each time it was drawn; 0 is off.",
        "A",
    ),
]
PresencePenalty = Annotated[
    float | None,
    _option(
        "--presence-penalty", "Lower the logits of tokens that were drawn by A; 0 is off.", "A"
    ),
]
Chain = Annotated[
    str | None,
    _option(
        "--chain",
        "Any transforms in the order in which they run, such as 'temperature=.8,top_p=.9,dry=.8', "
        "or a .toml file with a list `chain`. It replaces the other flags, except --policy.",
        "CHAIN",
    ),
]
GenerationConfig = Annotated[
    bool,
    _option(
        "--generation-config",
        "Sample as the model's generation_config.json recommends. It replaces the other flags, "
        "except --policy.",
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
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    chain: str | None = None
    generation_config: bool = False

    def members(self) -> list[Transform]:
        """Return the members of the sampler, in the order in which they run.

        They are the policy, then a chain, or else penalties, temperature or EDT, top-k, top-p and
        min-p.

        Raises:
            ValueError: if a value is out of range, or two flags replace each other.
        """
        import jaxsample
        from jaxsample.interop import preset

        whole = {"--chain": self.chain is not None, "--generation-config": self.generation_config}
        others = (f.name for f in dataclasses.fields(self) if f.name not in WHOLE)
        for flag, given in whole.items():
            if given and (all(whole.values()) or any(getattr(self, f) is not None for f in others)):
                raise ValueError(f"{flag} replaces the other flags of the sampler; give it alone")
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
        if self.chain is not None:
            return members + _checked("--chain", read_chain, self.chain)
        for flag, make, value, scope in (
            ("--repetition-penalty", jaxsample.RepetitionPenalty, self.repetition_penalty, "all"),
            ("--frequency-penalty", jaxsample.FrequencyPenalty, self.frequency_penalty, "output"),
            ("--presence-penalty", jaxsample.PresencePenalty, self.presence_penalty, "output"),
        ):
            if value is not None:
                members.append(_checked(flag, make, value, scope))
        if self.edt is not None:
            members.append(_checked("--edt", jaxsample.EntropyTemperature, *self.edt))
        elif temperature is not None:
            members.append(_checked("--temperature", jaxsample.Temperature, temperature))
        if self.top_k:
            members.append(_checked("--top-k", jaxsample.TopK, self.top_k))
        if top_p is not None:
            members.append(_checked("--top-p", jaxsample.TopP, top_p))
        if self.min_p is not None:
            members.append(_checked("--min-p", jaxsample.MinP, self.min_p))
        return members

    @property
    def any(self) -> bool:
        """Whether a flag was given."""
        values = (getattr(self, f.name) for f in dataclasses.fields(self))
        return any(value is not None and value is not False for value in values)  # 0 is a value

    def sampler(self, config: Mapping[str, Any], lengths: Lengths | None = None) -> Any:
        """Return the sampler, for a model that recommends what `config` holds.

        Args:
            config: the generation config of the model.
            lengths: those of the prompt and the text; None if there are several.

        Raises:
            ValueError: as for `members`, or if the model recommends nothing that is understood.
        """
        import jaxsample

        members = self.members()
        if self.generation_config:
            members += list(asked_for(config, lengths))
        return jaxsample.chain(*members)


def _checked(flag: str, make: Any, *values: Any) -> Any:
    try:
        return make(*values)
    except ValueError as error:
        raise ValueError(f"{flag}: {error}") from None
