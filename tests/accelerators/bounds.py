"""The bounds on what XLA for TPU v5e estimates of one draw for a batch.

The estimates are those of libtpu 0.0.52; `python benchmarks/accelerators.py` prints them. Another
version may estimate otherwise, so at (64, 32000) the bounds leave it a tenth.
"""

from typing import NamedTuple


class Bound(NamedTuple):
    """Bounds on a sampler.

    Attributes:
        kernels: of the entry, which all batches run; a small one costs 1.2 us.
        us: where every row is answered by its largest values.
        dearest_us: where every question needs the whole rows.
    """

    kernels: int
    us: float
    dearest_us: float


BOUNDS = {
    ("T", (8, 128256)): Bound(45, 65, 65),
    ("T", (64, 32000)): Bound(50, 115, 115),
    ("k 50 + p .9", (8, 128256)): Bound(75, 80, 550),
    ("k 50 + p .9", (64, 32000)): Bound(80, 135, 950),
    ("p .9", (8, 128256)): Bound(75, 110, 300),
    ("p .9", (64, 32000)): Bound(80, 145, 570),
}
PASSES = 32  # no loop runs more often: a threshold has 32 bits
COLLECTIVES = 6  # of a draw whose rows are answered by their largest values
# Those of a step of a model with two layers that always run, by the number of chips that split the
# batch and of those that split the model. Five are the model's: after the embedding, and after the
# attention and the MLP of each layer. On 2 x 4 one moves the hidden states of rows that are done,
# which stand still.
STEP_COLLECTIVES = {(1, 8): 10, (2, 4): 17}
# Bytes on a chip at the peak of `generate`, for models of these sizes with two of their layers, and
# with all of them as benchmarks/results has it. Each layer takes the same room more.
PEAKS = {"1B": 0.23e9, "8B": 0.54e9}
WHOLE_PEAKS = {"1B": 0.67e9, "8B": 2.66e9}
