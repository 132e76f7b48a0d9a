"""Run a study by its name, with its default prompts and judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxsample.cli.inputs import PromptFlags
    from jaxsample.study import Source


def run(
    protocol: str,
    sources: Sequence[Source],
    prompts: PromptFlags,
    out: Path,
    *,
    quick: bool,
    **options: Any,
) -> None:
    """Run a study on the given prompts, or on its default prompts.

    Raises:
        ValueError: if the study does not take an option, the prompts are invalid, or they are
            conversations and there are several models.
    """
    from jaxsample.cli.opening import EMBEDDED
    from jaxsample.study import PROTOCOLS

    if prompts.chat and len(sources) > 1:
        raise ValueError("--chat uses the chat template of one model; give only one --model")
    study = PROTOCOLS[protocol]
    wanted = study.prompts[quick]
    if prompts.data is None and not wanted:
        items = [study.asks(sources[0])]
    else:
        items = prompts.items(sources[0], wanted)
    if "judge" in study.takes and sources[0].name == EMBEDDED:
        from jaxsample.cli.stories import judge

        options["judge"] = judge
    study.run(sources, items, out, quick=quick, **options)
