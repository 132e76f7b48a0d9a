"""The model of a command."""

from __future__ import annotations

from pathlib import Path

from jaxsample.cli.loading import bar
from jaxsample.study import Source

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
