"""The program of test_mesh.py, which needs a process with 8 virtual devices."""

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxsample import Temperature, TopK, TopP, chain, generate, stack
from jaxsample_models import TransformerConfig, as_model, init

CONFIG = TransformerConfig(
    vocab_size=512, dim=32, layers=2, heads=8, kv_heads=4, head_dim=8, mlp_dim=64, max_length=64,
    tied=False,
)  # fmt: skip
PROMPTS = np.arange(24, dtype=np.int32).reshape(8, 3)


def over_model(leaf):
    """Shard the largest axis whose size is a multiple of 4, such as the vocabulary."""
    axes = [i for i, size in enumerate(leaf.shape) if size % 4 == 0 and leaf.ndim > 1]
    widest = max(axes, key=lambda i: leaf.shape[i], default=None)
    return P(*("model" if i == widest else None for i in range(leaf.ndim)))


def main():
    assert jax.device_count() == 8
    mesh = jax.make_mesh((2, 4), ("data", "model"), axis_types=(AxisType.Auto,) * 2)
    plain = as_model(CONFIG)
    params = init(CONFIG, jax.random.key(0))

    def init_cache(batch, length):
        # Shard the batch over data and the KV heads over model.
        spec = NamedSharding(mesh, P("data", "model"))
        cache = plain.init_cache(batch, length)
        return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, spec), cache)

    def unembed(params, hidden):
        spec = NamedSharding(mesh, P("data", "model"))
        return jax.lax.with_sharding_constraint(plain.unembed(params, hidden), spec)

    sharded = plain._replace(init_cache=init_cache)
    vocabulary = sharded._replace(unembed=unembed)
    placed = jax.tree.map(lambda x: jax.device_put(x, NamedSharding(mesh, over_model(x))), params)
    prompts = jax.device_put(PROMPTS, NamedSharding(mesh, P("data")))
    # One sampler for all rows is tested on meshes by axes_program.py.
    sampler = stack([chain(Temperature(t), TopK(40), TopP(0.9)) for t in np.linspace(0.3, 2, 8)])
    options = dict(max_new_tokens=12, sampler_axes=0, record=("logprobs", "entropy"))
    one = generate(jax.random.key(1), plain, params, PROMPTS, sampler, **options)
    many = generate(jax.random.key(1), vocabulary, placed, prompts, sampler, **options)
    assert {d.id for d in many.decoding.cache[0].keys.sharding.device_set} == set(range(8))
    np.testing.assert_array_equal(one.tokens, many.tokens)
    # A matmul that is split over devices sums in another order.
    np.testing.assert_allclose(one.logprobs, many.logprobs, atol=1e-4)
    np.testing.assert_allclose(one.entropy, many.entropy, atol=1e-4)
    print("mesh ok")


if __name__ == "__main__":
    main()
