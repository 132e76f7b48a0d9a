"""The command that draws text."""

from __future__ import annotations

import secrets
import sys

from rich.console import Console

from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.prompt import DEFAULT_NEW_TOKENS, open_model


def generate(prompt, model, flags: SamplerFlags, seed, samples, max_new_tokens) -> None:
    sampler = flags.chain()
    notes = Console(stderr=True, highlight=False)
    source = open_model(model)
    ids = source.encode(prompt)
    room = source.room(ids, max_new_tokens)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    notes.print(f"{sampler}, {source.name}, --seed {seed}", style="dim", markup=False)
    if max_new_tokens is None and room < DEFAULT_NEW_TOKENS:
        notes.print(f"room for {room} tokens", style="dim")
    from jaxsample.cli.decoding import decode
    from jaxsample.cli.text import Transcript

    sys.stdout.write(Transcript(source.tokenizer, ids).prompt)
    for chunk in decode(source, ids, sampler, seed, samples, room):
        for piece in chunk.pieces:
            sys.stdout.write(piece.text)
        sys.stdout.flush()
    sys.stdout.write("\n")
