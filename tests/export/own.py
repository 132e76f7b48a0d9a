"""A transform of a user, which the process that exports and the one that loads both import."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import TopP, Transform, chain, field, transform

GAPS = 0.1, 3.0


@transform(kind="order")
class Within(Transform):
    gap: float = field(low=0.0)
    sides: tuple = field(default=(True, "above"), static=True)

    def on(self, row, state=None, hidden=None):
        return row.keep(row.max - jnp.where(self.sides[0], self.gap, 0.0))


def run(folder: Path):
    """Draw a token with each gap through the artefact in a folder."""
    artefact = jax.export.deserialize(bytearray((folder / "sample.bin").read_bytes()))
    logits = np.load(folder / "logits.npy")
    for gap in GAPS:
        print(artefact.call(jax.random.key(4), logits, chain(Within(gap), TopP(0.9))))
