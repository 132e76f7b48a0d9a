"""The model of a command, and the sampler for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxsample.cli.chains import known
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.loading import bar
from jaxsample.cli.recommendation import Lengths, offered
from jaxsample.study import Source

if TYPE_CHECKING:
    from jaxsample.cli.terminal import Terminal

EMBEDDED = "the embedded story model"


def open_model(path: Path | None, dtype: str = "float32") -> Source:
    """Load a model folder, a GGUF file or a named model, or the embedded model if none is given.

    Raises:
        ValueError: if there is no such model, or it has no tokenizer.
        ImportError: if the package of a named model is not installed.
    """
    import jaxsample_models

    if path is None:
        return Source(EMBEDDED, jaxsample_models.embedded())
    with bar(path) as progress:
        checkpoint = jaxsample_models.load(path, dtype=dtype, progress=progress)
    if checkpoint.tokenizer is None:
        raise ValueError(f"{path}: it holds no tokenizer (tokenizer.json), so tokens have no text")
    return Source(path.resolve().name, checkpoint)


def sampler_of(
    flags: SamplerFlags, source: Source, notes: Terminal, lengths: Lengths | None = None
) -> Any:
    """Return the sampler of the flags; without flags, say what the model recommends.

    Args:
        lengths: those of the prompt and the text; None if there are several.

    Raises:
        ValueError: if it does not fit the model.
    """
    config = source.checkpoint.generation_config
    sampler = known(flags.sampler(config, lengths), source)
    if not flags.any and (found := offered(config, lengths)) is not None:
        notes.print(f"--generation-config draws as {source.name} recommends: {found}", style="dim")
    return sampler
