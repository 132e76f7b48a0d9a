"""The Flax generate of transformers 4.57, the last version with one, as a worker."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import transformers

from decoders.serving import serve_decoder


class Decoder:
    """The model of one folder, decoded by FlaxLlamaForCausalLM.generate under jit."""

    def __init__(self, folder: str, threads: int):
        del threads  # XLA takes the cores it may run on
        self.model = transformers.FlaxLlamaForCausalLM.from_pretrained(folder)
        self.params = self.model.params
        # This class has a separate head even if the checkpoint ties it to the embedding.
        if self.model.config.tie_word_embeddings:
            embedding = self.params["model"]["embed_tokens"]["embedding"]
            self.params = {**self.params, "lm_head": {"kernel": jnp.asarray(embedding).T}}
        # jnp.array(None) raises an error today, so an id without a token stands for no end.
        self.model.generation_config = transformers.GenerationConfig(
            eos_token_id=self.model.config.vocab_size,
            pad_token_id=0,
            bos_token_id=1,
            min_length=-1,
        )

    @functools.cache  # noqa: B019 - one decoder lives as long as its process
    def _jitted(self, steps: int, **settings):
        # Without this jit every call would trace and compile the loop again.
        @jax.jit
        def run(params, prompts, key):
            return self.model.generate(
                prompts, params=params, prng_key=key, max_new_tokens=steps, **settings
            ).sequences

        return run

    def _run(self, prompts, steps: int, seed: int, **settings) -> np.ndarray:
        prompts = np.asarray(prompts, np.int32)
        run = self._jitted(steps, **settings)
        return np.asarray(run(self.params, prompts, jax.random.PRNGKey(seed)))[
            :, prompts.shape[1] :
        ]

    def greedy(self, prompts, steps):
        """Return the greedy tokens `[B, N]`."""
        return self._run(prompts, steps, 0, do_sample=False)

    def sample(self, prompts, steps, seed, **settings):
        """Return sampled tokens `[B, N]`."""
        return self._run(prompts, steps, seed, do_sample=True, **settings)


if __name__ == "__main__":
    serve_decoder(Decoder)
