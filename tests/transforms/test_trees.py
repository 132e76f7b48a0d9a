"""Trees, traces and batches of samplers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import EntropyTemperature, MinP, Temperature, TopK, TopP, chain
from tests import toys
from tests.rows import VALID, V
from tests.table import CASES, cases, structures

NUMBERS = {
    "int": lambda v: int(v),
    "float": lambda v: float(v),
    "np.float64": lambda v: np.float64(v),
    "np.float32": lambda v: np.float32(v),
    "np.float16": lambda v: np.float16(v),
    "np.int64": lambda v: np.int64(v),
    "np.array": lambda v: np.array(float(v)),
    "jax float32": lambda v: jnp.float32(v),
    "jax bfloat16": lambda v: jnp.bfloat16(v),
    "jax int32": lambda v: jnp.int32(v),
    "jax weak float": lambda v: jnp.asarray(float(v)),
    "jax weak int": lambda v: jnp.asarray(int(v)),
}
WHOLE = {name: to for name, to in NUMBERS.items() if "int" in name}


@structures(CASES)
@pytest.mark.parametrize(
    "leaf",
    [lambda _: 0, lambda _: -1.0, lambda _: object(), lambda _: None],
    ids="0 -1 obj None".split(),
)
def test_trees_of_anything(case, leaf):
    """Leaves of gradient trees, in_axes trees and partitions are not numbers."""
    mapped = jax.tree.map(leaf, case.sampler)
    assert type(mapped) is type(case.sampler)
    repr(mapped)


@cases(CASES)
def test_flatten_then_unflatten_is_the_identity(case):
    leaves, structure = jax.tree.flatten(case.sampler)
    again = jax.tree.unflatten(structure, leaves)
    assert jax.tree.structure(again) == structure
    assert all(a is b for a, b in zip(jax.tree.leaves(again), leaves, strict=True))
    assert repr(again) == repr(case.sampler)
    assert hash(structure) == hash(jax.tree.structure(again))


def test_two_samplers_of_one_shape_have_one_structure():
    one = chain(Temperature(0.5), TopK(3), TopP(0.2), EntropyTemperature(1.0, 2.0))
    two = chain(Temperature(1), TopK(TopK.off), TopP(1), EntropyTemperature(2, 1, 0.5, 4))
    assert jax.tree.structure(one) == jax.tree.structure(two)


MAKERS = {
    "Temperature": lambda n: Temperature(n),
    "Temperature.replace": lambda n: Temperature(0.5).replace(value=n),
    "TopP": lambda n: TopP(n),
    "MinP": lambda n: MinP(n),
    "EntropyTemperature": lambda n: EntropyTemperature(n, n, n, n),
    "EntropyTemperature.replace": lambda n: EntropyTemperature(1.0, 0.0).replace(theta=n, base=n),
    "chain": lambda n: chain(Temperature(n), TopP(n)),
    "chain.replace": lambda n: chain(Temperature(1.0), TopP(0.5)).replace(1, TopP(n)),
    "toy": lambda n: toys.Nucleus(p=n, decay=n),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_one_trace_for_every_value_and_number_type(maker, counted):
    run = counted(lambda sampler, row: sampler(row))
    jitted = jax.jit(run)
    for to in NUMBERS.values():
        jitted.trace(MAKERS[maker](to(1)), jnp.zeros(8))
    for value in (0.25, 0.5, 1.0):
        jitted.trace(MAKERS[maker](value), jnp.zeros(8))
    assert run.traces == 1


@pytest.mark.parametrize("make", [TopK, lambda k: TopK(9).replace(k=k)], ids=["TopK", "replace"])
def test_one_trace_for_every_k(make, counted):
    run = counted(lambda sampler, row: sampler(row))
    jitted = jax.jit(run)
    for k in (1, 7, 8, 1000, TopK.off):
        jitted.trace(make(k), jnp.zeros(8))
    for to in WHOLE.values():
        jitted.trace(make(to(3)), jnp.zeros(8))
    assert run.traces == 1


@structures(CASES)
def test_leaves_are_strong_float32_or_int32(case):
    """Leaves may also be uint32, the words of a watermark's secret."""
    leaves = jax.tree.leaves(jax.eval_shape(lambda s: s, case.sampler))
    assert {leaf.dtype.name for leaf in leaves} <= {"float32", "int32", "uint32"}
    assert not any(leaf.weak_type for leaf in leaves)


@pytest.mark.parametrize("value", [1, 0.5, np.float64(0.5), jnp.bfloat16(0.5), jnp.int32(1)])
def test_traced_numbers_are_cast_too(value):
    def build(v):
        return (Temperature(v), Temperature(2.0).replace(value=v), TopP(v))

    for leaf in jax.tree.leaves(jax.eval_shape(build, value)):
        assert (leaf.dtype, leaf.weak_type) == (jnp.float32, False)


def test_a_traced_k_is_int32():
    (leaf,) = jax.tree.leaves(jax.eval_shape(TopK, jnp.asarray(3, jnp.int16)))
    assert leaf.dtype == jnp.int32


def test_a_traced_value_never_raises():
    row = jnp.asarray(VALID["mild"])
    got = jax.jit(lambda p: TopP(p)(row))(jnp.float32(1.3))
    np.testing.assert_array_equal(got, row)


@pytest.mark.parametrize("field", ["t0", "theta", "base", "max_temperature"])
def test_each_parameter_may_be_batched_alone(field):
    values = jnp.linspace(0.5, 1.5, 5)
    sampler, row = EntropyTemperature(0.9, 0.4), jnp.asarray(VALID["mild"])
    got = jax.jit(jax.vmap(lambda v: sampler.replace(**{field: v})(row)))(values)
    for value, out in zip(values, got, strict=True):
        np.testing.assert_allclose(out, sampler.replace(**{field: value})(row), rtol=1e-5)


def test_settings_of_one_batch_do_not_leak_into_each_other():
    rows = jnp.asarray(np.stack([VALID["mild"]] * 3))
    sampler = chain(Temperature(jnp.array([0.0, 1.0, 2.0])), TopK(jnp.array([5, TopK.off, 2])))
    got = np.asarray(jax.jit(jax.vmap(lambda s, x: s(x)))(sampler, rows))
    assert [int(n) for n in np.isfinite(got).sum(1)] == [1, V, 2]


def test_key_paths_name_the_fields():
    sampler = chain(Temperature(0.5), EntropyTemperature(1.0, 0.5), TopK(3))
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(sampler)]
    ends = [".value", ".t0", ".theta", ".base", ".max_temperature", ".k"]
    assert all(path.endswith(end) for path, end in zip(paths, ends, strict=True)), paths
    assert "0" in paths[0] and "1" in paths[1] and "2" in paths[-1]
