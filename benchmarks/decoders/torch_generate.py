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

    def _run(self, prompts, steps: int, **settings) -> np.ndarray:
        prompts = torch.as_tensor(np.asarray(prompts, np.int64))
        with torch.inference_mode():
            out = self.model.generate(
                prompts,
                attention_mask=torch.ones_like(prompts),
                max_new_tokens=steps,
                use_cache=True,
                **settings,
            )
        return out[:, prompts.shape[1] :].numpy()

    def greedy(self, prompts, steps):
        """Return the greedy tokens `[B, N]`."""
        return self._run(prompts, steps, do_sample=False)

    def sample(self, prompts, steps, seed, **settings):
        """Return sampled tokens `[B, N]`."""
        torch.manual_seed(seed)
        return self._run(prompts, steps, do_sample=True, **settings)


if __name__ == "__main__":
    serve_decoder(Decoder)
