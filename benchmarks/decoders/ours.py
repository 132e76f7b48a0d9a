"""jaxsample.generate on the model of a folder."""

from __future__ import annotations

import jax
import numpy as np

from jaxsample import Temperature, TopK, TopP, chain, generate
from jaxsample_models import load


class Decoder:
    """The model of one folder, decoded by jaxsample.generate in float32."""

    def __init__(self, folder: str):
        loaded = load(folder)
        self.model, self.params, self.config = loaded.model, loaded.params, loaded.config

    def _run(self, prompts, steps: int, seed: int, sampler) -> np.ndarray:
        out = generate(
            jax.random.key(seed),
            self.model,
            self.params,
            prompts,
            sampler,
            max_new_tokens=steps,
            record=(),
        )
        return np.asarray(out.tokens)

    def greedy(self, prompts, steps):
        """Return the greedy tokens `[B, N]`."""
        # The filters change nothing here, but `sample` then reuses the compiled program.
        return self.sample(prompts, steps, 0, 0.0, 50, 0.9)

    def sample(self, prompts, steps, seed, temperature, top_k, top_p):
        """Return sampled tokens `[B, N]`, the filters in the order of transformers."""
        filters = [TopK(top_k)] if top_k else []  # 0 is off for the peers
        sampler = chain(Temperature(temperature), *filters, TopP(top_p))
        return self._run(prompts, steps, seed, sampler)
