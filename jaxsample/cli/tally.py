"""Statistics of a run: speed, entropy, log-probability."""

from __future__ import annotations

import numpy as np

from jaxsample.cli.decoding import Chunk


class Tally:
    """Sums over the chunks of a run.

    The speed excludes the first chunk, whose time includes compiling and reading the prompt.

    Args:
        at_once: whether there is one chunk only; the speed then includes everything.
    """

    def __init__(self, at_once: bool = False):
        self._records: list[tuple[float, float, float]] = []
        self._timed_tokens = 0
        self._seconds = 0.0
        self._at_once = self._timed = at_once

    def add(self, chunk: Chunk) -> None:
        """Count one chunk."""
        self._records += [(p.logprob, p.model_logprob, p.entropy) for p in chunk.pieces]
        if self._timed:
            self._timed_tokens += len(chunk.pieces)
            self._seconds += chunk.seconds
        self._timed = True

    @property
    def speed(self) -> float | None:
        """Tokens per second over all texts; None if there was only one chunk."""
        return self._timed_tokens / self._seconds if self._timed_tokens else None

    def lines(self) -> list[str]:
        """Return the statistics as three lines."""
        logprob, model_logprob, entropy = np.mean(self._records, axis=0)
        speed = "too few tokens to time" if self.speed is None else f"{self.speed:,.0f} tokens/s"
        timed = "with" if self._at_once else "without"
        return [
            f"{'tokens':<16}{len(self._records)}, {speed} ({timed} compiling and prompt)",
            f"{'entropy':<16}{entropy:.3f} nats per token on average, under the model",
            f"{'log-probability':<16}{logprob:.3f} nats per token under the sampler, "
            f"{model_logprob:.3f} under the model",
        ]
