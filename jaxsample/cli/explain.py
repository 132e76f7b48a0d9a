"""Show what a sampler does to the next token of a prompt."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

import jaxsample
from jaxsample.cli import bars
from jaxsample.cli.compiled import keep_compiled
from jaxsample.cli.decoding import padded
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.opening import open_model
from jaxsample.cli.stages import probabilities, stages
from jaxsample.decode._model_output import next_logits
from jaxsample.study import Source
from jaxsample.study.draw._text import Transcript

SHOWN = 20


def explain(prompt: str, model: Path | None, flags: SamplerFlags, png: Path | None) -> None:
    """Print the likeliest next tokens before and after each transform; write a figure if asked.

    Raises:
        ValueError: if an argument, the model or the prompt makes no sense.
    """
    sampler = flags.chain()
    if png is not None:
        from jaxsample.cli import figure

        figure.check(png)
    notes, console = Console(stderr=True, highlight=False), Console(highlight=False)
    source = open_model(model)
    ids = source.encode(prompt)
    source.room(ids, 1)
    notes.print(f"{sampler} · {source.name}", style="dim", markup=False)
    if not len(sampler):
        notes.print("no sampler flags: this is the model as it is", style="dim")
    keep_compiled()
    with notes.status("compiling"):
        logits = last_logits(source, ids)
        found = stages(logits, sampler)
    raw = probabilities(logits)
    tokens = np.argsort(-raw, kind="stable")[:SHOWN]
    names = [name_of(source, ids, int(token)) for token in tokens]
    bars.show(console, raw, found, tokens, names)
    if png is not None:
        figure.write(png, prompt, raw, found, tokens, names)
        notes.print(f"wrote {png}", style="dim", markup=False)


def last_logits(source: Source, ids: list[int]) -> np.ndarray:
    """Return the model's logits `[V]` after a prompt, float64."""
    tokens, length = padded(source, ids, 1)
    model, params = source.checkpoint.model, source.checkpoint.params
    decoding = jaxsample.prefill(
        jax.random.key(0),
        model,
        params,
        tokens,
        jaxsample.chain(),
        max_length=length,
        lengths=jnp.asarray([len(ids)]),
    )
    logits = next_logits(model, params, decoding.logits, decoding.hidden)
    return np.asarray(logits[0], np.float64)


def name_of(source: Source, prompt: list[int], token: int) -> str:
    """Return how a token reads after a prompt, in quotes; its name where it is no text."""
    stored = source.tokenizer.id_to_token(token)
    if token in source.eos:
        return f"{stored} the end"
    text = Transcript(source.tokenizer, prompt).add(token)
    return json.dumps(text, ensure_ascii=False) if text else str(stored)
