"""The model on four devices, in a separate process: equal results, and the cache stays put."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_four_devices():
    environment = os.environ | {
        "JAX_NUM_CPU_DEVICES": "4",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "models")]),
    }
    command = [sys.executable, "-m", "tests.models.test_sharding"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def main():
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from jaxsample_models import TransformerConfig, as_model, init

    mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("data", "model"))

    def place(tree, *axes):
        return jax.device_put(tree, NamedSharding(mesh, PartitionSpec(*axes)))

    def shard(path, leaf):
        if leaf.ndim < 2:
            return place(leaf)
        rows = any(word in jax.tree_util.keystr(path) for word in ("out", "down", "embed"))
        return place(leaf, "model", None) if rows else place(leaf, None, "model")

    config = TransformerConfig(64, 32, 1, 4, 2, 8, 48, 64, tied=False)
    params, model = init(config, jax.random.key(0)), as_model(config)
    tokens = jax.random.randint(jax.random.key(1), (4, 6), 0, 64)
    positions = jnp.broadcast_to(jnp.arange(6), (4, 6)).at[1, 3:].set(-1)
    cache = model.init_cache(4, 600)
    expected = jax.jit(model.apply)(params, tokens, positions, cache)

    arguments = (
        jax.tree_util.tree_map_with_path(shard, params),
        place(tokens, "data"),
        place(positions, "data"),
        place(cache, "data", "model"),
    )
    compiled = jax.jit(model.apply).lower(*arguments).compile()
    found = compiled(*arguments)
    np.testing.assert_allclose(found.hidden, expected.hidden, atol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), found[2], expected[2])
    moves = r"(all-gather|all-to-all|collective-permute)(-start)?\("
    moved = [line for line in compiled.as_text().splitlines() if re.search(moves, line)]
    assert not moved, moved[0]


if __name__ == "__main__":
    main()
