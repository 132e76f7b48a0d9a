"""Calls in a process of their own, which ends at a time limit."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def limited(function: Callable, items: Iterable, seconds: float) -> Iterator[tuple[Any, Any]]:
    """Yield `(item, function(item))` for every item; None as the result if it took too long.

    The process of a call that exceeds the limit is killed, and the next call gets a new one. So a
    call that hangs, even in native code, costs `seconds` and no more.
    """
    process, pipe = _started(function)
    for item in items:
        if not process.is_alive():
            process, pipe = _started(function)
        pipe.send(item)
        if pipe.poll(seconds):
            yield item, pipe.recv()
        else:
            process.kill()
            process.join()
            yield item, None
    process.kill()


def _started(function):
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(function, theirs), daemon=True)
    process.start()
    pipe.recv()
    return process, pipe


def _serve(function, pipe):
    pipe.send("the imports are done")
    while True:
        pipe.send(function(pipe.recv()))
