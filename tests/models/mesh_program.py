"""The program of test_shardings.py, which needs a process with 8 virtual devices.

It decodes on meshes of several shapes and compares with one device: `mesh_program.py FOLDER FILE`.
"""

import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxsample import Temperature, TopK, TopP, chain, generate
from jaxsample_models import load, shardings

MESHES = itertools.product([(1, 8), (8, 1), (2, 4)], [AxisType.Auto, AxisType.Explicit])
PROMPTS = np.arange(24, dtype=np.int32).reshape(8, 3)
SAMPLER = chain(Temperature(0.8), TopK(40), TopP(0.9))


def decoded(checkpoint, prompts):
    options = dict(max_new_tokens=6, record=("logprobs",))
    return generate(
        jax.random.key(1), checkpoint.model, checkpoint.params, prompts, SAMPLER, **options
    )


def compare(folder, file, shape, kind, one):
    mesh = jax.make_mesh(shape, ("data", "model"), axis_types=(kind,) * 2)
    placed = load(file if kind == AxisType.Auto else folder, mesh=mesh)
    wanted = shardings(placed.config, mesh)
    jax.tree.map(_at, placed.params, wanted.params)
    prompts = jax.device_put(PROMPTS, NamedSharding(mesh, P("data")))
    many = decoded(placed, prompts)
    np.testing.assert_array_equal(one.tokens, many.tokens)
    # A product that is split over devices sums in another order.
    np.testing.assert_allclose(one.logprobs, many.logprobs, atol=1e-4)
    if jax.__version_info__ >= (0, 10) or kind == AxisType.Explicit:  # else XLA places it
        jax.tree.map(_at, many.decoding.cache, wanted.cache)


def _at(x, sharding):
    assert x.sharding.is_equivalent_to(sharding, x.ndim), (x.sharding, sharding)


def main():
    assert jax.device_count() == 8
    folder, file = sys.argv[1:]
    one = decoded(load(folder), jnp.asarray(PROMPTS))
    for shape, kind in MESHES:
        compare(folder, file, shape, kind, one)
        print(f"{shape} {kind.name} ok", flush=True)


if __name__ == "__main__":
    main()
