"""jaxsample.generate on the model of a folder."""

from __future__ import annotations

import jax
import numpy as np

from jaxsample import Temperature, TopK, TopP, beam, chain, generate, prefill, resume
from jaxsample_models import load


class Decoder:
    """The model of one folder, decoded by jaxsample.generate."""

    def __init__(self, folder: str, dtype: str = "float32"):
        loaded = load(folder, dtype=dtype)
        self.model, self.params, self.config = loaded.model, loaded.params, loaded.config
        self.read = None

    def _run(self, prompts, steps: int, seed: int, sampler, room: int | None) -> np.ndarray:
        about = self.model, self.params
        common = {"max_new_tokens": steps, "record": ()}
        if room is None:
            out = generate(jax.random.key(seed), *about, prompts, sampler, **common)
        else:
            out = resume(*about, self._after(prompts, sampler, room), sampler, **common)
        return np.asarray(out.tokens)

    def _after(self, prompts, sampler, room):
        if self.read is None or self.read[0] is not prompts:
            about = self.model, self.params, prompts, chain()
            self.read = prompts, prefill(jax.random.key(0), *about, max_length=room)
        # These samplers have no state to start: one empty tuple a transform.
        return self.read[1]._replace(state=((),) * len(sampler))

    def greedy(self, prompts, steps, room=None):
        """Return the greedy tokens `[B, N]`."""
        # The filters change nothing here, but `sample` then reuses the compiled program.
        return self.sample(prompts, steps, 0, 0.0, 50, 0.9, room)

    def sample(self, prompts, steps, seed, temperature, top_k, top_p, room=None):
        """Return sampled tokens `[B, N]`, the filters in the order of transformers.

        With `room`, the draws are the same for every seed.
        """
        filters = [TopK(top_k)] if top_k else []  # 0 is off for the peers
        sampler = chain(Temperature(temperature), *filters, TopP(top_p))
        return self._run(prompts, steps, seed, sampler, room)

    def beam(self, prompts, steps, beams):
        """Return the best text `[B, N]` of a beam search."""
        found = beam(self.model, self.params, prompts, chain(), beams=beams, max_new_tokens=steps)
        return np.asarray(found.tokens[:, 0])
