"""Draw text and show it while it is drawn."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from jaxsample.cli import interrupt
from jaxsample.cli.compiled import keep_compiled
from jaxsample.cli.decoding import Chunk, Piece, decode
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.json_lines import JsonLines
from jaxsample.cli.opening import open_model, sampler_of
from jaxsample.cli.page import Page
from jaxsample.cli.panels import Panels
from jaxsample.cli.recommendation import Lengths
from jaxsample.cli.searching import Task, Texts, texts_of
from jaxsample.cli.shades import legend, style_of
from jaxsample.cli.strategies import PLAIN, Strategy
from jaxsample.cli.tally import Tally
from jaxsample.cli.terminal import terminals
from jaxsample.cli.texts import Conversation
from jaxsample.interop import Text, Transcript


def generate(
    prompt: str | None,
    model: Path | None,
    flags: SamplerFlags,
    seed: int | None,
    samples: int,
    max_new_tokens: int | None,
    stats: bool,
    color: str | None,
    as_json: bool,
    *,
    stop: Sequence[str] = (),
    asked: Conversation | None = None,
    dtype: str = "float32",
    strategy: Strategy = PLAIN,
) -> None:
    """Print `samples` texts on stdout while they are drawn, and remarks on stderr.

    Raises:
        ValueError: if an argument, the model or the prompt is wrong.
    """
    if as_json and color is not None:
        raise ValueError("--color and --json exclude each other: JSON has no colours")
    flags.members()  # refuses wrong values before the model is loaded
    strategy.check(samples, seed)
    console, notes = terminals()
    source = open_model(model, dtype)
    if asked is None:
        ids = source.encode(prompt)
    else:
        text = Text.of(source.checkpoint)
        prompt = text.chat(asked[0], tools=asked[1])
        ids = source.fits(text.encode(prompt, special=False))
    room = source.room(ids, max_new_tokens)
    sampler = sampler_of(flags, source, notes, Lengths(len(ids), room))
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    how = f"--seed {seed}" if strategy.beams is None else f"--beams {strategy.beams}"
    sampling = sampler if len(sampler) else "chain(), the model as it is"
    if asked is None and prompt and (unknown := source.unknown(prompt)):
        notes.print(f"not in the vocabulary: {', '.join(unknown)}", style="dim", markup=False)
    notes.print(f"{sampling} · {source.name} · {how}", style="dim", markup=False)
    if max_new_tokens is None and len(ids) + room == source.context:
        notes.print(f"the context leaves room for {room} new tokens", style="dim")
    interrupt.advise(f"the same command with {how} draws the same text")

    keep_compiled()
    ended = 0
    tally = Tally(at_once=strategy != PLAIN)
    with notes.status("compiling") as status, interrupt.closing(status.stop):
        task = Task(source, ids, sampler, seed, samples, room, stop)
        if strategy == PLAIN:
            texts = Texts(decode(*task), [{}] * samples)
        else:
            texts = texts_of(task, strategy, dtype, stats)
        first = next(texts.chunks)
    if (count := len(texts.facts)) < samples:
        notes.print(f"found {count} of {samples} texts; there are no others", style="dim")
        samples = count
    if as_json:
        shared = {"model": source.name, "sampler": repr(sampler), "prompt": prompt or ""}
        drawn = {"seed": seed if strategy.beams is None else None}
        shown = JsonLines(console.file, {**shared, **drawn}, texts.facts, room)
        show = shown.add
    else:
        color = color or ("probability" if stats else None)
        shown = Page(console) if samples == 1 else Panels(console, samples)
        for sample in range(samples if asked is None else 0):
            shown.add(sample, Transcript(source.tokenizer, ids).prompt, "bold")

        def show(piece: Piece) -> None:
            shown.add(piece.sample, piece.text, style_of(color, piece))

    with interrupt.closing(shown.close):
        for chunk in _after(first, texts.chunks):
            tally.add(chunk)
            with interrupt.lock:
                for piece in chunk.pieces:
                    ended += piece.ended
                    show(piece)
                shown.refresh()
    if ended < samples:
        which = "" if samples == 1 else f"{samples - ended} of {samples} texts "
        notes.print(f"{which}stopped at {room} tokens (--max-new-tokens)", style="dim")
    if color is not None and console.is_terminal:
        notes.print(legend(color))
    if stats:
        for line in [*tally.lines(), *texts.remarks()]:
            notes.print(line, style="dim", markup=False)


def _after(first: Chunk, rest: Iterator[Chunk]) -> Iterator[Chunk]:
    yield first
    yield from rest
