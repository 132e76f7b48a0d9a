"""The entry point, which turns every user error into one line on stderr and an exit status."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence

from jaxsample.cli import interrupt
from jaxsample.cli.remedies import UNWRITTEN, explained

EXTRA = {"click", "matplotlib", "rich", "safetensors", "tokenizers", "typer"}
OURS = {"jaxsample", "jaxsample_models"}
READERS = {"codecs", "csv", "encodings", "json", "pathlib", "tomllib"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0 is success, 2 a mistake in the arguments or in a file, 130 an interruption by Ctrl-C. Any
    other error propagates, so that Python prints its traceback and exits with 1.

    Args:
        argv: the arguments, without the program's name. By default those of the process, which
            Ctrl-C then ends.
    """
    if argv is None:
        interrupt.install()
        argv = sys.argv[1:]
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the parent closed it
            setattr(sys, name, open(os.devnull, "w"))
        elif isinstance(stream, io.TextIOWrapper):  # print `?` for what a terminal cannot show
            stream.reconfigure(errors="replace")
    if os.environ.get("COLUMNS") == "0":  # the width is unknown; Rich would print nothing
        del os.environ["COLUMNS"]
    try:
        from jaxsample.cli.app import run

        status = run(list(argv))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        _say(interrupt.message())
        return 130
    except BrokenPipeError:  # the reader, such as `head`, closed the pipe
        _drop(sys.stdout)
        return 0
    except ImportError as error:
        if error.name is None:
            return _refuse(str(error))
        package = error.name.partition(".")[0]
        if package not in EXTRA:
            raise
        return _refuse(f"this needs {package}: pip install 'jaxsample[cli]'")
    except OSError as error:
        if error.filename is None and error.errno in UNWRITTEN:
            error.filename = "standard output"  # the commands name every other file they write
            _drop(sys.stdout)
        return _refuse(explained(error))
    except ValueError as error:
        if _module(error) not in OURS | READERS:
            raise
        return _refuse(str(error))
    except RecursionError as error:
        if _module(error) not in READERS:
            raise
        return _refuse("a file is nested too deeply to be read")


def _module(error: BaseException) -> str:
    """Return the top-level package whose code raised an error."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]


def _refuse(message: str) -> int:
    _say(f"jaxsample: {message}")
    return 2


def _say(line: str) -> None:
    """Print one line on stderr, control characters escaped."""
    shown = (c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(line.split()))
    with contextlib.suppress(OSError):
        print("".join(shown), file=sys.stderr, flush=True)


def _drop(stream) -> None:
    """Discard unwritten output, because Python would otherwise report it at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
