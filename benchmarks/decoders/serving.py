"""The server side of a decoder in another environment.

A decoder is made from a folder and a number of threads. Its methods `greedy(prompts, steps)` and
`sample(prompts, steps, seed, temperature, top_k, top_p)` return tokens `[B, N]`. Both take `room`:
with it the decoder reads the prompts in its first call alone, into a cache of so many tokens a row,
and later calls go on from there. `beam(prompts, steps, beams)`, if there is one, searches.
"""

from __future__ import annotations

import functools

import numpy as np
from harness.worker import serve


def serve_decoder(make):
    """Answer the harness with the decoders that `make(folder, threads)` returns."""
    decoder = functools.lru_cache(1)(make)  # one model in memory at a time

    def prepare(spec):
        made = decoder(spec["folder"], spec["threads"])
        prompts = prompts_of(spec["batch"], spec["prompt"], spec["vocab_size"])
        return caller(made, prompts, spec["steps"], spec["settings"], spec.get("room"))

    serve(prepare)


def caller(made, prompts: np.ndarray, steps: int, settings: dict | None, room: int | None = None):
    """Return `call(i)`.

    Without settings it decodes greedily, with {"beams": n} it searches, and else it samples with
    seed i.
    """
    kept = {} if room is None else {"room": room}

    def call(i):
        if settings is None:
            tokens = np.asarray(made.greedy(prompts, steps, **kept))
        elif "beams" in settings:
            tokens = np.asarray(made.beam(prompts, steps, **settings))
        else:
            tokens = np.asarray(made.sample(prompts, steps, i, **settings, **kept))
        if tokens.shape != (len(prompts), steps):
            raise ValueError(f"asked for {(len(prompts), steps)} tokens, got {tokens.shape}")
        return tokens

    return call


@functools.cache
def prompts_of(batch: int, length: int, vocab_size: int) -> np.ndarray:
    """Draw prompts `[B, P]` that begin with id 1, as the published models expect."""
    prompts = np.random.default_rng(0).integers(3, vocab_size, (batch, length), np.int32)
    prompts[:, 0] = 1
    return prompts
