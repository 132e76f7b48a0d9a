"""Run an artefact with JAX alone: `python alone.py generate FOLDER`, or `sample`."""

import sys
from pathlib import Path

import jax
import numpy as np


def read(file):
    return jax.export.deserialize(bytearray(file.read_bytes()))


def generate(folder):
    artefact, params = read(folder / "generate.bin"), dict(np.load(folder / "params.npz"))
    given = np.load(folder / "given.npz")
    for name in sorted({key.partition(".")[0] for key in given}):
        fields = "prompts", "lengths", "heat", "p", "seed"
        *call, seed = (given[f"{name}.{field}"] for field in fields)
        found = artefact.call(jax.random.key(int(seed)), params, *call)
        np.savez(folder / f"{name}.npz", **found)


def sample(folder):
    artefact, key = read(folder / "sample.bin"), jax.random.key(4)
    tokens = [artefact.call(key, row) for row in np.load(folder / "logits.npy")]
    np.save(folder / "tokens.npy", tokens)


if __name__ == "__main__":
    for library in ("jaxsample", "jaxsample_models", "flax", "optax"):
        assert library not in sys.modules
        sys.modules[library] = None  # type: ignore[assignment]  # importing it raises ImportError
    {"generate": generate, "sample": sample}[sys.argv[1]](Path(sys.argv[2]))
