"""Reading and writing the small files of a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: if the file cannot be read or is not JSON; the message names the file.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no {path.name} in {path.parent}") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once: a reader sees the old content or the new one, never a part."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    os.replace(new, path)
