"""llama.cpp through the low-level functions of llama-cpp-python, as a worker.

The high-level class decodes one sequence at a time. Here B sequences share each `llama_decode`, as
in llama.cpp's batched example and server, and each has its own sampler chain.
"""

from __future__ import annotations

import contextlib

import llama_cpp as lib
import numpy as np

from decoders.gguf_file import write_gguf
from decoders.serving import serve_decoder

CELLS = 256  # llama.cpp rounds the room of a sequence up to a multiple of this


@lib.llama_log_callback
def _quiet(level, text, data):
    del level, text, data


class Decoder:
    """The model of one folder, decoded by llama.cpp with weights and cache in float32."""

    def __init__(self, folder: str, threads: int):
        lib.llama_log_set(_quiet, None)
        lib.llama_backend_init()
        params = lib.llama_model_default_params()
        path = folder if folder.endswith(".gguf") else str(write_gguf(folder))
        self.model = lib.llama_model_load_from_file(path.encode(), params)
        if not self.model:
            raise RuntimeError(f"llama.cpp could not load the GGUF of {folder}")
        self.threads = threads
        self.shape = self.context = self.batch = self.read = None

    def __del__(self):
        self._release()
        lib.llama_model_free(self.model)

    def greedy(self, prompts, steps, room=None):
        """Return the greedy tokens `[B, N]`."""
        with _chains([[lib.llama_sampler_init_greedy()] for _ in prompts]) as chains:
            return self._run(prompts, steps, chains, room)

    def sample(self, prompts, steps, seed, temperature, top_k, top_p, room=None):
        """Return sampled tokens `[B, N]`, the filters in the order of transformers."""
        rows = [
            [
                lib.llama_sampler_init_temp(temperature),
                lib.llama_sampler_init_top_k(top_k),
                lib.llama_sampler_init_top_p(top_p, 1),
                lib.llama_sampler_init_dist(seed * len(prompts) + row),
            ]
            for row in range(len(prompts))
        ]
        with _chains(rows) as chains:
            return self._run(prompts, steps, chains, room)

    def _run(self, prompts, steps, chains, room):
        batch, length = prompts.shape
        self._make(batch, length, room or length + steps)
        tokens = np.zeros((batch, steps), np.int32)
        every = np.arange(batch)
        if room is None or self.read is not prompts:
            lib.llama_memory_clear(lib.llama_get_memory(self.context), False)
            rows, places = np.divmod(np.arange(batch * length), length)
            self._decode(prompts.ravel(), places, rows, places == length - 1)
            at = every * length + length - 1
            self.read = prompts
        else:
            for row in every.tolist():
                lib.llama_memory_seq_rm(lib.llama_get_memory(self.context), row, length - 1, -1)
            self._decode(prompts[:, -1], np.full(batch, length - 1), every, every >= 0)
            at = every
        for step in range(steps):
            for row, chain in enumerate(chains):
                tokens[row, step] = lib.llama_sampler_sample(chain, self.context, int(at[row]))
            if step + 1 < steps:
                self._decode(tokens[:, step], np.full(batch, length + step), every, every >= 0)
                at = every
        return tokens

    def _decode(self, tokens, positions, rows, wanted):
        count, batch = len(tokens), self.batch
        batch.n_tokens = count
        for array, values in [
            (batch.token, tokens),
            (batch.pos, positions),
            (batch.logits, wanted),
        ]:
            np.ctypeslib.as_array(array, (count,))[:] = values
        for i, row in enumerate(rows.tolist()):
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = row
        if lib.llama_decode(self.context, batch):
            raise RuntimeError("llama_decode failed")

    def _make(self, batch, prompt, length):
        if self.shape == (batch, prompt, length):
            return
        self._release()
        params = lib.llama_context_default_params()
        params.n_ctx = batch * -(-length // CELLS) * CELLS
        params.n_seq_max = batch
        params.n_batch = max(batch * prompt, params.n_ubatch)
        params.n_threads = params.n_threads_batch = self.threads
        params.type_k = params.type_v = lib.GGML_TYPE_F32
        self.context = lib.llama_init_from_model(self.model, params)
        if not self.context:
            raise RuntimeError(f"llama.cpp made no context for {batch} x {length} tokens")
        self.batch = lib.llama_batch_init(batch * prompt, 0, 1)
        self.shape = batch, prompt, length

    def _release(self):
        if self.context:
            lib.llama_batch_free(self.batch)
            lib.llama_free(self.context)
        self.shape = self.context = self.batch = self.read = None


@contextlib.contextmanager
def _chains(rows):
    made = []
    for samplers in rows:
        chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for sampler in samplers:
            lib.llama_sampler_chain_add(chain, sampler)
        made.append(chain)
    try:
        yield made
    finally:
        for chain in made:
            lib.llama_sampler_free(chain)


if __name__ == "__main__":
    serve_decoder(Decoder)
