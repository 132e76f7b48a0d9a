"""`load` with `shardings` on four devices, in a separate process: each holds its part alone."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ("llama", "mixtral", "gemma4-shared")


@pytest.mark.slow
def test_four_devices(tmp_path):
    environment = os.environ | {
        "JAX_NUM_CPU_DEVICES": "4",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "models")]),
    }
    command = [sys.executable, "-m", "tests.models.test_loading_in_parts", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def main(place):
    import jax

    from . import families, gguf_files

    assert jax.device_count() == 4
    for case in CASES:
        folder = place / case
        folder.mkdir()
        check(families.write(case, folder))
    check(gguf_files.write(place / "llama", place / "model.gguf"))


def check(path):
    """Load a model whole and in four parts, which must hold and compute the same."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import AxisType, NamedSharding
    from jax.sharding import PartitionSpec as P

    from jaxsample_models import load

    mesh, asked = jax.make_mesh((4,), ("model",), axis_types=(AxisType.Auto,)), {}

    def shardings(key, shape):
        axes = [i for i, size in enumerate(shape) if size % 4 == 0 and len(shape) > 1]
        asked[key] = NamedSharding(
            mesh, P(*("model" if [i] == axes[-1:] else None for i in range(len(shape))))
        )
        return asked[key]

    whole, parts = load(path), load(path, shardings=shardings)
    split = 0
    for (steps, leaf), one in zip(
        jax.tree_util.tree_leaves_with_path(parts.params),
        jax.tree.leaves(whole.params),
        strict=True,
    ):
        key = ".".join(str(part.key) for part in steps)
        assert leaf.shape == one.shape and leaf.sharding == asked[key], key
        held = {shard.data.size for shard in leaf.addressable_shards}
        divided = "model" in leaf.sharding.spec
        assert held == {leaf.size // 4 if divided else leaf.size}, key
        np.testing.assert_array_equal(leaf, one)
        split += divided
    assert split > len(asked) // 2 and asked.keys() >= {"embed", "norm.scale"}

    tokens = jax.random.randint(jax.random.key(1), (2, 9), 0, 61)
    positions = jnp.broadcast_to(jnp.arange(9), (2, 9)).at[1, 5:].set(-1)
    expected, found = (
        np.asarray(
            jax.jit(one.model.apply)(
                one.params, tokens, positions, one.model.init_cache(2, 12)
            ).hidden
        )
        for one in (whole, parts)
    )
    seen = np.asarray(positions >= 0)[..., None]
    # Sums of parts are added in another order.
    np.testing.assert_allclose(found * seen, expected * seen, atol=1e-4, rtol=0)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
