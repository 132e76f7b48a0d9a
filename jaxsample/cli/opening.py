"""The model of a command."""

from __future__ import annotations

from pathlib import Path

from jaxsample.study import Source

EMBEDDED = "the embedded story model"


def open_model(folder: Path | None) -> Source:
    """Load a model folder, or the embedded model if none is given.

    Raises:
        ValueError: if the folder is not a model, or has no tokenizer.
    """
    import jaxsample_models

    checkpoint = jaxsample_models.embedded() if folder is None else jaxsample_models.load(folder)
    name = EMBEDDED if folder is None else folder.resolve().name
    if checkpoint.tokenizer is None:
        raise ValueError(f"{folder}: there is no tokenizer.json, so its tokens have no text")
    return Source(name, checkpoint)
