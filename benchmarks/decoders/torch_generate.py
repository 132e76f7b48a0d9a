"""transformers.generate on torch's CPU build, as a worker."""

from __future__ import annotations

import numpy as np
import torch
import transformers

from decoders.serving import serve_decoder


class Decoder:
    """The model of one folder, decoded by transformers.generate in float32."""

    def __init__(self, folder: str, threads: int):
        torch.set_num_threads(threads)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.model.eval()
        # Every row must decode N steps, so the checkpoint's end of text is ignored.
        self.model.generation_config = transformers.GenerationConfig(pad_token_id=0)
        self.read = None

    def _run(self, prompts, steps: int, room: int | None, **settings) -> np.ndarray:
        tokens = torch.as_tensor(np.asarray(prompts, np.int64))
        with torch.inference_mode():
            if room is not None:
                settings["past_key_values"] = self._after(prompts, tokens)
            out = self.model.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                max_new_tokens=steps,
                use_cache=True,
                **settings,
            )
        return out[:, tokens.shape[1] :].numpy()

    def _after(self, prompts, tokens):
        """Return the cache of all tokens but the last, as this `generate` wants it."""
        if self.read is None or self.read[0] is not prompts:
            cache = transformers.DynamicCache(config=self.model.config)
            self.model(tokens[:, :-1], past_key_values=cache, use_cache=True, logits_to_keep=1)
            self.read = prompts, cache
        cache = self.read[1]
        if written := cache.get_seq_length() - tokens.shape[1] + 1:  # by the call before this one
            cache.crop(-written)
        return cache

    def greedy(self, prompts, steps, room=None):
        """Return the greedy tokens `[B, N]`."""
        return self._run(prompts, steps, room, do_sample=False)

    def sample(self, prompts, steps, seed, room=None, **settings):
        """Return sampled tokens `[B, N]`."""
        torch.manual_seed(seed)
        return self._run(prompts, steps, room, do_sample=True, **settings)

    def beam(self, prompts, steps, beams):
        """Return the best text `[B, N]` of a beam search."""
        return self._run(prompts, steps, None, do_sample=False, num_beams=beams)


if __name__ == "__main__":
    serve_decoder(Decoder)
