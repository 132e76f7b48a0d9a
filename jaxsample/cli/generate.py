"""Draw text and show it as it comes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from jaxsample.cli.compiled import keep_compiled
from jaxsample.cli.decoding import Chunk, decode
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.opening import open_model
from jaxsample.cli.page import Page
from jaxsample.cli.panels import Panels
from jaxsample.cli.shades import legend, style_of
from jaxsample.cli.tally import Tally
from jaxsample.study.draw._source import DEFAULT_NEW_TOKENS
from jaxsample.study.draw._text import Transcript


def generate(
    prompt: str | None,
    model: Path | None,
    flags: SamplerFlags,
    seed: int | None,
    samples: int,
    max_new_tokens: int | None,
    stats: bool,
    color: str | None,
) -> None:
    """Print `samples` texts on stdout as they are drawn, and what goes with them on stderr.

    Raises:
        ValueError: if an argument, the model or the prompt makes no sense.
    """
    sampler = flags.chain()
    notes, console = Console(stderr=True, highlight=False), Console(highlight=False)
    source = open_model(model)
    ids = source.encode(prompt)
    room = source.room(ids, max_new_tokens)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    sampling = sampler if len(sampler) else "chain(), the model as it is"
    if prompt and (unknown := source.unknown(prompt)):
        notes.print(f"not in the vocabulary: {', '.join(unknown)}", style="dim", markup=False)
    notes.print(f"{sampling} · {source.name} · --seed {seed}", style="dim", markup=False)
    if max_new_tokens is None and room < DEFAULT_NEW_TOKENS:
        notes.print(f"the context leaves room for {room} new tokens", style="dim")

    keep_compiled()
    ended = 0
    display = Page(console) if samples == 1 else Panels(console, samples)
    tally = Tally()
    beginning = Transcript(source.tokenizer, ids).prompt
    with notes.status("compiling"):
        chunks = decode(source, ids, sampler, seed, samples, room)
        first = next(chunks)
    try:
        for sample in range(samples):
            display.add(sample, beginning, "bold")
        for chunk in _after(first, chunks):
            tally.add(chunk)
            for piece in chunk.pieces:
                ended += piece.ended
                display.add(piece.sample, piece.text, style_of(color, piece))
            display.refresh()
    finally:
        display.close()
    if ended < samples:
        which = "" if samples == 1 else f"{samples - ended} of {samples} texts "
        notes.print(f"{which}stopped at {room} tokens (--max-new-tokens)", style="dim")
    if color is not None and console.is_terminal:
        notes.print(legend(color))
    if stats:
        for line in tally.lines():
            notes.print(line, style="dim", markup=False)


def _after(first: Chunk, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    yield first
    yield from rest
