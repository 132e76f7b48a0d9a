"""Which study a name stands for, and what it is given where the user gave nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxsample.cli.inputs import PromptFlags
    from jaxsample.study import Source


def run(
    protocol: str, sources: Sequence[Source], prompts: PromptFlags, out: Path, **options: Any
) -> None:
    """Run a study on the prompts, or on those that suit it where none were given.

    Raises:
        ValueError: if the study takes one model and got several, or the prompts make no sense.
    """
    source = sources[0]
    if len(sources) > 1 and protocol != "surface":
        raise ValueError(f"--model: {protocol} takes one model, got {len(sources)}")
    if protocol == "edt":
        from jaxsample.study import edt

        edt(source, prompts.items(source, 8 if options["quick"] else 32), out, **options)
    elif protocol == "creativity":
        from jaxsample.cli.opening import EMBEDDED
        from jaxsample.cli.stories import judge
        from jaxsample.study import Item, creativity

        # The paper asks for a story, which is what a fresh text is to a model of stories.
        items = [Item("story", "")] if prompts.data is None else prompts.items(source, 1)
        del options["weight"]  # nothing here weighs quality
        judged = judge if source.name == EMBEDDED else None
        creativity(source, items, out, judge=judged, **options)
    elif protocol == "presets":
        from jaxsample.study import presets

        presets(source, prompts.items(source, 8 if options["quick"] else 32), out, **options)
    elif protocol == "surface":
        from jaxsample.study import surface

        if options.pop("settings"):
            raise ValueError("--settings: surface has a grid of its own")
        del options["weight"]
        surface(sources, prompts.items(source, 8 if options["quick"] else 24), out, **options)
