"""The sampler chain of llama.cpp through llama-cpp-python, on its own arrays of candidates.

It runs as a worker: `llama.py build` or `llama.py bare`. Users of llama.cpp fill an array of
candidates (id, logit, p) before each token, and its samplers sort and shrink the array in place.
`build` times both, `bare` the samplers alone. Rows are sampled one after another on one thread, as
llama.cpp does. Here k comes before the temperature, which keeps the result and is faster.
"""

from __future__ import annotations

import ctypes
import sys
import time

import llama_cpp
import numpy as np
from harness.turns import timed
from harness.worker import serve

from peers.chains import OFF

CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


def build(chain, seed):
    """Return a llama.cpp sampler chain."""
    made = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    parts = []
    if chain["top_k"] is not None:
        parts.append(llama_cpp.llama_sampler_init_top_k(chain["top_k"]))
    parts.append(llama_cpp.llama_sampler_init_temp(chain["temperature"]))
    if chain["top_p"] is not None:
        parts.append(llama_cpp.llama_sampler_init_top_p(chain["top_p"], 1))
    if chain["min_p"] is not None:
        parts.append(llama_cpp.llama_sampler_init_min_p(chain["min_p"], 1))
    for part in [*parts, llama_cpp.llama_sampler_init_dist(seed)]:
        llama_cpp.llama_sampler_chain_add(made, part)
    return made


class Rows:
    """A batch of rows, each with its candidates and its sampler chain."""

    def __init__(self, path, chain):
        self.logits = np.load(path)
        batch, vocabulary = self.logits.shape
        self.ids = np.arange(vocabulary, dtype=np.int32)
        self.candidates = np.zeros((batch, vocabulary), CANDIDATE)
        self.chains = [build(_row(chain, i), i + 1) for i in range(batch)]
        self.arrays = [
            llama_cpp.llama_token_data_array(
                data=row.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))
            )
            for row in self.candidates
        ]

    def __del__(self):
        for chain in self.chains:
            llama_cpp.llama_sampler_free(chain)

    def fill(self):
        self.candidates["id"] = self.ids
        self.candidates["logit"] = self.logits
        self.candidates["p"] = 0
        for array in self.arrays:
            array.size, array.selected, array.sorted = self.ids.size, -1, False

    def draw(self):
        for chain, array in zip(self.chains, self.arrays, strict=True):
            llama_cpp.llama_sampler_apply(chain, ctypes.byref(array))
        return [array.data[array.selected].id for array in self.arrays]


def _row(chain, i):
    """Return the chain of a row without neutral settings, because k = V would sort the row."""
    one = {name: v[i] if isinstance(v, list) else v for name, v in chain.items()}
    if chain["per_row"]:
        one |= {name: None for name in ("top_k", "top_p", "min_p") if one[name] == OFF[name]}
    return one


def prepare(path, chain, bare):
    if chain["theta"] is not None:
        return None  # its dynamic temperature has another formula
    rows = Rows(path, chain)

    def call(i):
        del i  # every chain advances its own generator
        rows.fill()
        return rows.draw()

    def arm(least_s=1e-3):
        seconds, runs = 0.0, 0
        while seconds < least_s:
            rows.fill()
            start = time.perf_counter()
            rows.draw()
            seconds += time.perf_counter() - start
            runs += 1
        return seconds / runs

    call.arm = arm if bare else timed(call)
    return call


if __name__ == "__main__":
    serve(lambda spec: prepare(spec["path"], spec["chain"], sys.argv[1] == "bare"))
