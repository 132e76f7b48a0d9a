"""Transforms compare and hash by class, structure, static fields and concrete values."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from jaxsample import (
    Guidance,
    LogitBias,
    PresencePenalty,
    Temperature,
    TopK,
    TopP,
    Transform,
    chain,
)
from tests import toys
from tests.table import CASES, cases, structures


def rebuilt(tree, change=np.array):
    """The same tree with leaves that are other objects."""
    return jax.tree.map(change, tree)


@cases(CASES)
def test_equal_values_are_equal_and_hash_alike(case):
    for change in (np.array, jnp.asarray, copy.deepcopy):
        other = rebuilt(case.sampler, change)
        assert other is not case.sampler
        assert other == case.sampler and not other != case.sampler
        assert hash(other) == hash(case.sampler)
    assert {case.sampler: "found"}[rebuilt(case.sampler)] == "found"


@structures([case for case in CASES if jax.tree.leaves(case.sampler)])
def test_another_value_shape_or_dtype_is_another_transform(case):
    leaves, structure = jax.tree.flatten(case.sampler)
    first = np.asarray(leaves[0])
    for leaf in (first + first.dtype.type(1), first[None], first.astype(np.float64)):
        assert structure.unflatten([leaf, *leaves[1:]]) != case.sampler


def test_classes_static_fields_and_structures_are_told_apart():
    assert TopP(0.5) != Temperature(0.5) and TopP(0.5) != 0.5 and TopP(0.5) is not None
    assert PresencePenalty(0.5, window=3) != PresencePenalty(0.5, window=4)
    assert chain(TopP(0.5)) != chain(TopP(0.5), TopK(3))
    assert chain(toys.halve) == chain(toys.halve) != chain(jnp.negative)
    assert Guidance(1.5) == Guidance(1.5) != Guidance(1.0)
    assert Temperature(0.0) != Temperature(-0.0), "by bytes"
    key = jax.random.key(3)
    one, two = (chain(Partial(toys.scale, k)) for k in (key, jax.random.key(3)))
    assert one == two != chain(Partial(toys.scale, jax.random.key_data(key)))
    assert len({TopP(0.5), TopP(0.5), TopP(0.6)}) == 2


@structures(CASES)
@pytest.mark.parametrize("leaf", [0, -1.0, None, object(), [1]], ids="0 -1 None obj list".split())
def test_trees_of_anything_compare(case, leaf):
    one, two = (jax.tree.map(lambda _: leaf, case.sampler) for _ in range(2))
    assert (one == two) in (True, False) and one == one
    assert hash(one) == hash(one)


def test_what_cannot_be_read_is_equal_to_itself_alone():
    def run(t):
        one, two = chain(Temperature(t)), chain(Temperature(t))
        assert one == one and one != two
        assert len({one, two, one}) == 2
        return jax.lax.map(jax.vmap(one), jnp.zeros((2, 3, 4)))

    jax.jit(run)(0.5)
    unreadable = jnp.ones(3)
    unreadable.delete()
    gone = jax.tree.map(lambda _: unreadable, LogitBias(np.zeros(3)))
    assert gone == gone and gone != LogitBias(np.zeros(3)) and isinstance(hash(gone), int)


def test_an_undecorated_subclass_is_equal_to_itself_alone():
    class Plain(Transform):
        pass

    one, two = Plain(), Plain()
    assert one == one and one != two and len({one, two}) == 2


def test_equal_transforms_are_one_static_argument(counted):
    run = counted(lambda sampler, row: sampler(row))
    static = jax.jit(run, static_argnums=0)
    for p in (0.5, np.float32(0.5), jnp.float32(0.5)):
        static(chain(TopP(p), TopK(2)), jnp.zeros(4))
    assert run.traces == 1
    static(chain(TopP(0.75), TopK(2)), jnp.zeros(4))
    assert run.traces == 2


def test_a_transform_may_be_compiled_by_itself_inside_another():
    row = jnp.array([0.0, 2.0, 1.0])

    def run(t):
        return jax.jit(Temperature(t))(row), jax.vmap(Temperature(t))(row[None])[0]

    for got in jax.jit(run)(0.5):
        np.testing.assert_array_equal(got, Temperature(0.5)(row))
