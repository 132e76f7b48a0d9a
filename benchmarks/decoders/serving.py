"""The server side of a decoder in another environment.

A decoder is made from a folder and a number of threads. Its methods `greedy(prompts, steps)` and
`sample(prompts, steps, seed, temperature, top_k, top_p)` return tokens `[B, N]`.
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
        return caller(made, prompts, spec["steps"], spec["settings"])

    serve(prepare)


def caller(made, prompts: np.ndarray, steps: int, settings: dict | None):
    """Return `call(i)`, which decodes greedily without settings, and else samples with seed i."""

    def call(i):
        if settings is None:
            tokens = np.asarray(made.greedy(prompts, steps))
        else:
            tokens = np.asarray(made.sample(prompts, steps, i, **settings))
        if tokens.shape != (len(prompts), steps):
            raise ValueError(f"asked for {(len(prompts), steps)} tokens, got {tokens.shape}")
        return tokens

    return call


def prompts_of(batch: int, length: int, vocab_size: int) -> np.ndarray:
    """Draw prompts `[B, P]` that begin with id 1, as the published models expect."""
    prompts = np.random.default_rng(0).integers(3, vocab_size, (batch, length), np.int32)
    prompts[:, 0] = 1
    return prompts
