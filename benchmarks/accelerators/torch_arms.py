"""The same draws in torch and flashinfer on the same device, where they are installed.

They wait for the device once after all draws of a call, as our loop does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

import jax
import numpy as np


def calls(rows: jax.Array, draws: int) -> tuple[dict[str, Callable], dict[str, str]]:
    """Return the call of every arm, and for each absent library the reason."""
    found, absent = {}, {}
    for library, make in (("torch", _torch), ("flashinfer", _flashinfer)):
        try:
            found |= {
                f"{library} {name}": _several(draw, draws) for name, draw in make(rows).items()
            }
        except Exception as error:  # a library that fails to start must not end the item
            absent[library] = f"not measured ({type(error).__name__}: {error})"
    return found, absent


def _several(draw, draws):
    import torch

    @torch.no_grad()
    def call(i):
        del i  # torch advances its own generator
        for _ in range(draws):
            draw()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    call(0)  # a draw that fails does so before anything is timed
    return call


def _logits(rows):
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if jax.default_backend() == "gpu" and device == "cpu":
        raise RuntimeError("torch sees no GPU")
    return torch.from_numpy(np.array(rows)).to(device)


def _torch(rows):
    import torch

    logits = _logits(rows) / 0.8

    def drawn(logits):
        return torch.multinomial(torch.softmax(logits, dim=-1), 1)

    def top_k_top_p():
        values, tokens = torch.topk(logits, 50)
        return tokens.gather(-1, drawn(_inside(values)))

    def top_p():
        values, tokens = torch.sort(logits, descending=True)
        return tokens.gather(-1, drawn(_inside(values)))

    def _inside(values):
        """Drop the tail of sorted rows, outside of a nucleus of .9."""
        probs = torch.softmax(values, dim=-1)
        before = torch.cumsum(probs, dim=-1) - probs
        return values.masked_fill(before >= 0.9, float("-inf"))

    return {"T": lambda: drawn(logits), "k 50 + p .9": top_k_top_p, "p .9": top_p}


def _flashinfer(rows):
    import torch

    sampling = importlib.import_module("flashinfer.sampling")
    logits = _logits(rows) / 0.8

    def probs():
        return torch.softmax(logits, dim=-1)

    return {
        "T": lambda: sampling.sampling_from_probs(probs()),
        "k 50 + p .9": lambda: sampling.top_k_top_p_sampling_from_logits(logits, 50, 0.9),
        "p .9": lambda: sampling.top_p_sampling_from_probs(probs(), 0.9),
    }
