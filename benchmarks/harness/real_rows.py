"""The next-token logits of a real model, from a folder of assets.

They are those of SmolLM2-135M-Instruct at 64 places of texts that it drew at T = 1. A folder of
assets holds them as float16 in FILE, under the name `logits`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

NAME = "smollm2"
VOCABULARY = 49152
FILE = Path("real_logits", "smollm2_64x49152_f16.npz")
# The engine ranks this many tokens of a row. A row that keeps more is read whole.
WINDOW = 64


def add_option(options: argparse.ArgumentParser):
    """Add `--assets DIR`; a folder without the rows ends the program."""

    def folder(text):
        if not (Path(text) / FILE).is_file():
            raise argparse.ArgumentTypeError(f"there is no {Path(text) / FILE}")
        return Path(text)

    text = f"the folder with {FILE}, the rows of a real model"
    options.add_argument("--assets", type=folder, metavar="DIR", help=text)


def rows(assets: Path, batch: int) -> np.ndarray:
    """Return float32 logits `[B, V]`: the first rows, or all of them again and again."""
    found = np.load(assets / FILE)["logits"]
    return np.resize(found, (batch, found.shape[1])).astype(np.float32)


def kept_summary(sizes) -> dict:
    """Summarise the numbers of tokens that rows keep."""
    sizes = np.asarray(sizes)
    return {
        "median": float(np.median(sizes)),
        "p90": float(np.percentile(sizes, 90)),
        "largest": int(sizes.max()),
        "beyond": float(np.mean(sizes > WINDOW)),
    }
