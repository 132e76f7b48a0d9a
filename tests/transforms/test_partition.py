"""Trainable leaves, and training them with optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsample import EntropyTemperature, Temperature, TopK, TopP, chain, combine, partition
from tests import toys
from tests.rows import HIDDEN, VALID, D
from tests.table import CASES, cases

SAMPLER = chain(TopK(7), EntropyTemperature(0.9, 0.3), Temperature(0.8), TopP(0.95))


@cases(CASES)
def test_combine_undoes_partition(case):
    trainable, rest = partition(case.sampler)
    again = combine(trainable, rest)
    assert jax.tree.structure(again) == jax.tree.structure(case.sampler)
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(case.sampler), strict=True):
        assert a is b


def test_floating_leaves_train_unless_declared_fixed():
    trainable, rest = partition(SAMPLER)
    names = lambda tree: [jax.tree_util.keystr(k) for k, _ in jax.tree.leaves_with_path(tree)]  # noqa: E731
    assert [name.rsplit(".")[-1] for name in names(trainable)] == ["t0", "theta", "value", "p"]
    assert [name.rsplit(".")[-1] for name in names(rest)] == ["k", "base", "max_temperature"]
    assert type(trainable) is type(rest) is type(SAMPLER)


def test_a_network_inside_a_transform_trains_whole():
    trainable, rest = partition(chain(toys.Learned.of(D), TopK(3)))
    assert sum(leaf.size for leaf in jax.tree.leaves(trainable)) == D + 1
    assert len(jax.tree.leaves(rest)) == 1


def test_optax_recovers_a_temperature_behind_a_filter():
    """The target is drawn at T = 0.6, and the fitted temperature must be 0.6."""
    row = jnp.asarray(VALID["mild"])
    target = jax.nn.softmax(chain(TopK(20), Temperature(0.6))(row))
    trainable, rest = partition(chain(TopK(20), Temperature(1.3)))

    def loss(tree):
        logp = jax.nn.log_softmax(combine(tree, rest)(row))
        return -jnp.sum(jnp.where(target > 0, target * jnp.where(target > 0, logp, 0.0), 0.0))

    optimizer = optax.adam(0.05)

    def body(carry, _):
        tree, state = carry
        updates, state = optimizer.update(jax.grad(loss)(tree), state, tree)
        return (optax.apply_updates(tree, updates), state), ()

    run = jax.jit(lambda t: jax.lax.scan(body, (t, optimizer.init(t)), None, length=200)[0][0])
    with jax.numpy_dtype_promotion("standard"):  # optax counts its steps in integers
        fitted = combine(run(trainable), rest)
    # 200 steps of adam at .05 converge to within the last step size.
    np.testing.assert_allclose(fitted[1].value, 0.6, atol=0.02)
    assert fitted[0].k == 20


def test_gradients_have_the_shape_of_the_trainable_tree():
    trainable, rest = partition(chain(toys.Learned.of(D), Temperature(0.7)))
    row = jnp.asarray(VALID["mild"])
    loss = lambda t: jax.nn.log_softmax(combine(t, rest)(row, None, HIDDEN))[3]  # noqa: E731
    grads = jax.grad(loss)(trainable)
    assert jax.tree.structure(grads) == jax.tree.structure(trainable)
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(grads))
