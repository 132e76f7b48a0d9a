"""Run an artefact of `generate` with JAX alone: `python alone.py FOLDER`."""

import sys
from pathlib import Path


def run(folder: Path):
    import jax
    import numpy as np

    artefact = jax.export.deserialize(bytearray((folder / "generate.bin").read_bytes()))
    params, given = dict(np.load(folder / "params.npz")), np.load(folder / "given.npz")
    for name in sorted({key.partition(".")[0] for key in given}):
        fields = "prompts", "lengths", "heat", "p", "seed"
        *call, seed = (given[f"{name}.{field}"] for field in fields)
        found = artefact.call(jax.random.key(int(seed)), params, *call)
        np.savez(folder / f"{name}.npz", **found)


if __name__ == "__main__":
    for library in ("jaxsample", "jaxsample_models", "flax", "optax"):
        sys.modules[library] = None  # type: ignore[assignment]  # importing it raises ImportError
    run(Path(sys.argv[1]))
