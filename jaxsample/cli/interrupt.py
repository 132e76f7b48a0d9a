"""Ctrl-C ends the program within a second and keeps what was written.

No `KeyboardInterrupt` is raised: in the middle of a compilation or of a callback of JAX it would be
lost or crash the process. A thread waits for the signal, runs the functions given to `closing`, and
ends the process. Within `stopping` it only says so, once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

PATIENCE = 0.6  # seconds for closing; a pipe that nobody reads would block it forever

lock = threading.RLock()
"""Hold this lock while you change the output of a function passed to `closing`."""

_advice = ""
_open: list[Callable[[], object]] = []
_stop: threading.Event | None = None


def install() -> None:
    """Make Ctrl-C end this process from now on, unless its parent made it ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, lambda *_: None)
    threading.Thread(target=_wait, args=(reader,), daemon=True).start()


def advise(advice: str) -> None:
    """Set the advice on resuming that is printed after an interruption."""
    global _advice
    _advice = advice


@contextlib.contextmanager
def closing(close: Callable[[], object]) -> Iterator[None]:
    """Call `close` at the end of the block, or when Ctrl-C is pressed within it."""
    _open.append(close)
    try:
        yield
    finally:
        with lock:  # an interruption keeps the lock, so that nothing is closed twice
            _open.remove(close)
            close()


@contextlib.contextmanager
def stopping() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C within the block sets; the second ends the process."""
    global _stop
    _stop = threading.Event()
    try:
        yield _stop
    finally:
        _stop = None


def message() -> str:
    """Say that the program was interrupted, and how to resume."""
    return f"jaxsample: interrupted{_advice and '; ' + _advice}"


def _wait(reader):
    while os.read(reader, 1)[0] != signal.SIGINT or _stops():
        pass
    something = bool(_open)
    closer = threading.Thread(target=_close, daemon=True)
    closer.start()
    closer.join(PATIENCE)
    line = message() + "\n"
    if os.isatty(2):  # show the cursor, which a progress bar hides, and leave the bar's line
        line = "\x1b[?25h" + ("" if something else "\n") + line
    with contextlib.suppress(OSError):
        os.write(2, line.encode())
    os._exit(130)


def _stops():
    """Set the event of `stopping`, if there is one that is not set."""
    event = _stop
    if event is None or event.is_set():
        return False
    event.set()
    return True


def _close():
    lock.acquire()  # never released: the main thread must not write any more
    for close in reversed(_open):
        with contextlib.suppress(Exception):
            close()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
