"""The program of test_vocab.py, which needs a process with 8 virtual devices."""

import math
import re

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxsample import EntropyTemperature, Temperature, TopK, TopP, chain, sample

B = 8
V, UNEVEN = 32768, 32000  # 8 devices share whole blocks of V; UNEVEN ends inside of them
FILTERS = chain(Temperature(0.8), TopK(50), TopP(0.9))
CASES = [
    ((1, 8), V, chain(Temperature(0.8))),
    ((1, 8), V, FILTERS),
    ((1, 8), V, chain(EntropyTemperature(1.0, 0.2), TopP(0.9))),
    ((2, 4), V, FILTERS),
    ((1, 8), UNEVEN, FILTERS),
]


def moved(hlo):
    """Yield the shape of every array that a collective moves between devices."""
    for kind in ("all-gather", "all-to-all", "collective-permute"):
        for shape in re.findall(rf"= \(?\w+\[([\d,]*)\]\S* {kind}(?:-start)?\(", hlo):
            yield tuple(int(n) for n in shape.split(",") if n)


def rows(size):
    rng = np.random.default_rng(0)
    peaked = rng.permuted(np.tile(-1.5 * np.log(np.arange(1, size + 1)), (B, 1)), axis=1)
    logits = np.float32(peaked + 0.3 * rng.standard_normal((B, size)))
    logits[3] = rng.standard_normal(size)  # a flat row, which its largest values do not decide
    return logits


def main():
    assert jax.device_count() == 8
    keys = jax.random.split(jax.random.key(0), B)
    draw_rows = jax.jit(jax.vmap(sample, in_axes=(0, 0, None)))
    for shape, size, sampler in CASES:
        logits = rows(size)
        mesh = jax.make_mesh(shape, ("data", "vocab"), axis_types=(AxisType.Auto,) * 2)
        placed = jax.device_put(logits, NamedSharding(mesh, P("data", "vocab")))
        row_keys = jax.device_put(keys, NamedSharding(mesh, P("data")))
        compiled = draw_rows.lower(row_keys, placed, sampler).compile()
        one = draw_rows(keys, logits, sampler)
        np.testing.assert_array_equal(compiled(row_keys, placed, sampler), one)
        shapes = list(moved(compiled.as_text()))
        assert not [s for s in shapes if size in s], shapes
        if shape[0] == 1:  # without data parallelism, less than one row moves in total
            assert max((math.prod(s) for s in shapes), default=0) < size, shapes
    print("vocabulary ok")


if __name__ == "__main__":
    main()
