"""The logits warpers of transformers, softmax and torch.multinomial, as in its `generate`.

It runs as a worker: `warpers.py THREADS`, on a GPU if torch can use one.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from harness.worker import serve
from transformers.generation import logits_process as warpers

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
MAKERS = {
    "temperature": warpers.TemperatureLogitsWarper,
    "top_k": warpers.TopKLogitsWarper,
    "top_p": warpers.TopPLogitsWarper,
    "min_p": warpers.MinPLogitsWarper,
}
FILTERS = {
    "Typical": lambda p: warpers.TypicalLogitsWarper(p),
    "Epsilon": lambda epsilon: warpers.EpsilonLogitsWarper(epsilon),
    "Eta": lambda epsilon: warpers.EtaLogitsWarper(epsilon),
}


def prepare(path, chain):
    if chain["per_row"] or chain["theta"] is not None:
        return None
    logits = torch.from_numpy(np.load(path)).to(DEVICE)
    given = {name: chain[name] for name in MAKERS if chain[name] is not None}
    warp = warpers.LogitsProcessorList([MAKERS[name](value) for name, value in given.items()])
    if chain["filter"] is not None:
        fields = dict(chain["filter"])
        warp.append(FILTERS[fields.pop("transform")](**fields))
    prompt = torch.ones((logits.shape[0], 1), dtype=torch.long, device=DEVICE)

    @torch.no_grad()
    def call(i):
        del i  # torch advances its own generator
        probs = torch.nn.functional.softmax(warp(prompt, logits), dim=-1)
        tokens = torch.multinomial(probs, num_samples=1).squeeze(1)
        if DEVICE == "cuda":
            torch.cuda.synchronize()
        return tokens

    return call


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    serve(lambda spec: prepare(spec["path"], spec["chain"]))
