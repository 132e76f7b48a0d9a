"""A conversation in the terminal."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import jaxsample
from jaxsample.cli import interrupt
from jaxsample.cli.chains import known, read_chain
from jaxsample.cli.compiled import keep_compiled
from jaxsample.cli.conversation import Conversation
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.opening import open_model
from jaxsample.cli.page import Page
from jaxsample.cli.recommendation import offered
from jaxsample.cli.remedies import explained
from jaxsample.cli.tally import Tally
from jaxsample.cli.terminal import Terminal, edited, terminals
from jaxsample.interop import preset

DEFAULT = "chat"  # a preset
HELP = """/sampler CHAIN  draw with another chain, such as temperature=.8,min_p=.1
/stats          speed, entropy and log-probability of the last answer
/reset          forget the conversation
/exit           end; so do Ctrl-C and Ctrl-D here
Ctrl-C          while an answer is written, end it"""


def chat(
    model: Path,
    flags: SamplerFlags,
    seed: int | None,
    max_new_tokens: int,
    system: str | None,
    stop: Sequence[str],
    dtype: str,
) -> None:
    """Read messages from stdin, and print the answers on stdout and remarks on stderr.

    Raises:
        ValueError: if an argument or the model is wrong, or the model has no chat template.
    """
    flags.members()  # refuses wrong values before the model is loaded
    console, notes = terminals()
    source = open_model(model, dtype)
    if source.checkpoint.chat_template is None:
        raise ValueError(f"{source.name} has no chat template; use jaxsample generate")
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    sampler, why = _sampler(flags, source)
    notes.print(f"{sampler}{why} · {source.name} · --seed {seed}", style="dim", markup=False)
    notes.print("/help lists the commands", style="dim")
    keep_compiled()
    talk = Conversation(source, sampler, seed, max_new_tokens, system, stop)
    tally = None
    for line in _lines(notes):
        command, _, rest = line.partition(" ")
        if command == "/exit":
            return
        if not command.startswith("/"):
            # An error in a message or a sampler does not end the conversation.
            with _said(notes):
                tally = _answer(talk, line, console, notes)
        elif command == "/reset":
            talk.reset()
            notes.print("the conversation is forgotten", style="dim")
        elif command == "/sampler":
            with _said(notes):
                if rest:
                    talk.sampler = known(jaxsample.chain(*read_chain(rest.strip())), source)
                notes.print(str(talk.sampler), style="dim", markup=False)
        elif command == "/stats":
            for text in _stats(talk, tally):
                notes.print(text, style="dim", markup=False)
        else:
            notes.print(HELP, style="dim", markup=False)


def _sampler(flags, source):
    config = source.checkpoint.generation_config
    if flags.any:
        return known(flags.sampler(config), source), ""
    if (found := offered(config)) is not None:
        return found, ", as the model recommends"
    return preset(DEFAULT), f", the preset {DEFAULT}"


def _lines(notes: Terminal) -> Iterator[str]:
    """Yield the lines that are not empty."""
    asks = sys.stdin.isatty()
    edits = asks and sys.stdout.isatty()
    while True:
        if asks:
            notes.print("" if edits else "\n> ", end="\n" if edits else "")
        line = edited("> ") if edits else sys.stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.strip()


def _answer(talk: Conversation, words: str, console: Terminal, notes: Terminal) -> Tally:
    page, tally, length, ended = Page(console), Tally(), 0, False
    answer = talk.ask(words)
    with interrupt.stopping() as stop:
        with notes.status("reading") as status, interrupt.closing(status.stop):
            chunk = next(answer, None)
        with interrupt.closing(page.close):
            while chunk is not None:
                tally.add(chunk)
                with interrupt.lock:
                    for piece in chunk.pieces:
                        page.add(0, piece.text)
                        length += 1
                    page.refresh()
                ended = bool(chunk.pieces) and chunk.pieces[-1].ended
                if stop.is_set():
                    break
                chunk = next(answer, None)
    answer.close()
    if not ended:
        why = "Ctrl-C" if stop.is_set() else "--max-new-tokens"
        notes.print(f"stopped at {length} tokens ({why})", style="dim")
    return tally


def _stats(talk, tally):
    if tally is None:
        return ["there is no answer yet"]
    cached = talk.length - talk.read
    return [
        f"{'prompt':<16}{talk.length} tokens, {talk.read} read, {cached} in the cache",
        *tally.lines(),
    ]


@contextlib.contextmanager
def _said(notes: Terminal) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        notes.print(explained(error), style="red", markup=False)
    except ValueError as error:
        notes.print(str(error), style="red", markup=False)
