"""A program that trains into a folder, so that a test can kill it: `fit_program.py FOLDER`."""

import signal
import sys
from pathlib import Path

import jax
import numpy as np
import optax

from jaxsample import EntropyTemperature
from jaxsample.learn import fit
from tests.learn import crossed

ADAM = optax.adam(1e-2)


def run(folder):
    data = crossed.draw(jax.random.key(7), 96)._replace(prompts=None)
    held_out = crossed.draw(jax.random.key(8), 64)._replace(prompts=None)
    sampler = EntropyTemperature(1.0, 0.5)
    return fit(
        jax.random.key(1), sampler, None, None, data, steps=200, batch_size=32, every=10,
        optimizer=ADAM, held_out=held_out, folder=folder,
    )  # fmt: skip


if __name__ == "__main__":
    # Python keeps ignoring SIGINT if it was started by a background job of a shell.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(sys.argv[1])
    leaves = jax.tree.leaves(run(folder).sampler)
    np.savez(folder / "leaves.npz", *map(np.asarray, leaves))
