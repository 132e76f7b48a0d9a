"""Show how a sampler changes the distribution of the next token."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np

import jaxsample
from jaxsample import show
from jaxsample.cli import bars, interrupt
from jaxsample.cli.chains import known
from jaxsample.cli.compiled import keep_compiled
from jaxsample.cli.decoding import padded
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.opening import open_model
from jaxsample.cli.recommendation import Lengths
from jaxsample.cli.terminal import terminals
from jaxsample.show import probabilities, stages
from jaxsample.study import Source

SHOWN = 20


def explain(
    prompt: str | None, model: Path | None, flags: SamplerFlags, png: Path | None, dtype: str
) -> None:
    """Print the most likely next tokens before and after each transform; write a figure if asked.

    Raises:
        ValueError: if an argument, the model or the prompt is wrong.
    """
    flags.members()  # refuses wrong values before the model is loaded
    if png is not None:
        from jaxsample.cli import figure

        figure.check(png)
    console, notes = terminals()
    source = open_model(model, dtype)
    ids = source.encode(prompt)
    lengths = Lengths(len(ids), source.room(ids, None))
    sampler = known(flags.sampler(source.checkpoint.generation_config, lengths), source)
    notes.print(f"{sampler} · {source.name}", style="dim", markup=False)
    if not len(sampler):
        notes.print("no sampler flags: this is the model as it is", style="dim")
    keep_compiled()
    with notes.status("compiling") as status, interrupt.closing(status.stop):
        logits, hidden = last_output(source, ids)
        found = stages(logits, list(sampler), ids, hidden)
    raw = probabilities(logits)
    tokens = np.argsort(-raw, kind="stable")[:SHOWN]
    names = [name_of(source, ids, int(token)) for token in tokens]
    bars.show(console, raw, found, tokens, names)
    if png is not None:
        figure.write(png, prompt or "", raw, found, tokens, names)
        notes.print(f"wrote {png}", style="dim", markup=False)


def last_output(source: Source, ids: list[int]) -> tuple[np.ndarray, jax.Array | None]:
    """Return the model's logits `[V]` after a prompt, float64, and its hidden state or None."""
    tokens, length = padded(source, ids, 1)
    model, params = source.checkpoint.model, source.checkpoint.params
    decoding = jaxsample.prefill(
        jax.random.key(0),
        model,
        params,
        tokens,
        jaxsample.chain(),
        max_length=length,
        lengths=np.asarray([len(ids)], np.int32),
    )
    logits = decoding.logits
    if logits is None:  # the model returns hidden states only
        assert model.unembed is not None
        logits = model.unembed(params, decoding.hidden)
    hidden = None if decoding.hidden is None else decoding.hidden[0]
    return np.asarray(logits[0], np.float64), hidden


def name_of(source: Source, prompt: list[int], token: int) -> str:
    """Return the text that a token adds to a prompt, in quotes, or its name if it adds none."""
    name = show.name_of(source.tokenizer, prompt, token)
    return f"{source.tokenizer.id_to_token(token)} the end" if token in source.eos else name
