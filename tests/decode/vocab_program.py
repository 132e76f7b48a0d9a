"""Run by test_vocab.py in a process of its own, which has 8 virtual devices."""

import math
import re

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxsample import EntropyTemperature, MinP, Temperature, TopK, TopP, chain, sample

B, V = 8, 32768
SAMPLERS = [
    chain(Temperature(0.8)),
    chain(Temperature(0.8), TopK(50), TopP(0.9)),
    chain(Temperature(0.8), TopP(0.9)),
    chain(EntropyTemperature(1.0, 0.2), MinP(0.05)),
]


def moved(hlo):
    """Yield each collective that moves data, with how many numbers it brings to a device."""
    for kind in ("all-gather", "all-to-all", "collective-permute"):
        for shape in re.findall(rf"= \(?\w+\[([\d,]*)\]\S* {kind}(?:-start)?\(", hlo):
            yield kind, math.prod(int(n) for n in shape.split(",") if n)


def main():
    assert jax.device_count() == 8
    mesh = jax.make_mesh((2, 4), ("data", "vocab"), axis_types=(AxisType.Auto,) * 2)
    rng = np.random.default_rng(0)
    peaked = rng.permuted(np.tile(-1.5 * np.log(np.arange(1, V + 1)), (B, 1)), axis=1)
    logits = np.float32(peaked + 0.3 * rng.standard_normal((B, V)))
    logits[3] = rng.standard_normal(V)  # one flat row, which no window holds
    keys = jax.random.split(jax.random.key(0), B)
    placed = jax.device_put(logits, NamedSharding(mesh, P("data", "vocab")))
    row_keys = jax.device_put(keys, NamedSharding(mesh, P("data")))
    draw_rows = jax.jit(jax.vmap(sample, in_axes=(0, 0, None)))
    for sampler in SAMPLERS:
        one = draw_rows(keys, logits, sampler)
        np.testing.assert_array_equal(draw_rows(row_keys, placed, sampler), one)
        hlo = draw_rows.lower(row_keys, placed, sampler).compile().as_text()
        largest = max(moved(hlo), key=lambda m: m[1], default=("", 0))
        print(sampler, largest)
    print("vocabulary ok")


if __name__ == "__main__":
    main()
