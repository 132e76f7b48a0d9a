"""The entry point: what is wrong becomes one line on stderr and an exit status."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

EXTRA = {"click", "matplotlib", "rich", "safetensors", "tokenizers", "typer"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0 is success, 2 nonsense in the arguments or the model, 130 an interruption by Ctrl-C.

    Args:
        argv: the arguments, without the program's name; those of the process by default.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a terminal cannot show becomes a `?`
            stream.reconfigure(errors="replace")
    try:
        from jaxsample.cli.app import run

        status = run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ImportError as error:
        if error.name is None:
            return _refuse(str(error))
        package = error.name.partition(".")[0]
        if package not in EXTRA:
            raise
        return _refuse(f"this needs {package}: pip install 'jaxsample[cli]'")
    except ValueError as error:
        return _refuse(str(error))


def _refuse(message: str) -> int:
    print(f"jaxsample: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
