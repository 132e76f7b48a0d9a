"""Samplers written as data and read again have the same leaves, bit for bit."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from jaxsample import (
    DRY,
    EntropyTemperature,
    Function,
    Mirostat,
    Quadratic,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopP,
    chain,
    stack,
)
from jaxsample.interop import from_dict, to_dict
from tests import toys
from tests.table import CASES, cases

MINE = {f.__name__: f for f in (toys.Nucleus, toys.Counts, toys.halve, toys.scale)}


def through_json(sampler):
    return from_dict(json.loads(json.dumps(to_dict(sampler))), MINE)


def same(a, b):
    assert repr(a) == repr(b)
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert jnp.asarray(x).dtype == jnp.asarray(y).dtype
        np.testing.assert_array_equal(x, y)


NETWORKS = "learned", "policy"  # their parameters are saved as arrays, not as data


@cases([case for case in CASES if not any(name in case.id for name in NETWORKS)])
def test_every_sampler_comes_back(case):
    same(through_json(case.sampler), case.sampler)


def test_settings_of_a_batch_come_back():
    same(through_json(stack([TopP(0.1), TopP(0.25)])), TopP(np.float32([0.1, 0.25])))


def test_a_plain_transform_reads_as_its_constructor_does():
    assert to_dict(chain(Temperature(0.1), TopK(3))) == {
        "transform": "Chain",
        "transforms": [
            {"transform": "Temperature", "value": 0.1},
            {"transform": "TopK", "k": 3},
        ],
    }


def test_a_field_that_is_no_data_is_an_error():
    with pytest.raises(ValueError, match="module level"):
        to_dict(chain(lambda x: x))
    with pytest.raises(ValueError, match="Temperature.value holds"):
        jax.jit(lambda t: to_dict(Temperature(t)))(0.5)
    with pytest.raises(ValueError, match="params"):
        to_dict(toys.Learned.of(4))
    policy = next(case.sampler for case in CASES if case.id == "policy")
    with pytest.raises(ValueError, match="Learned.graph holds a GraphDef, which cannot be written"):
        to_dict(policy)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (
            {"transform": "EntropyTemperature", "t0": 0.8, "theta": 0.5},
            EntropyTemperature(0.8, 0.5),
        ),
        ({"transform": "Quadratic", "factor": 0.3}, Quadratic(0.3)),
        ({"transform": "Mirostat", "tau": 3.0, "eta": 0.1}, Mirostat(3.0, 0.1)),
        ({"transform": "DRY", "multiplier": 0.8}, DRY(0.8)),
        ({"transform": "RepetitionPenalty", "penalty": 1.2}, RepetitionPenalty(1.2)),
    ],
)
def test_a_field_that_is_left_out_has_its_default(data, wanted):
    same(from_dict(data), wanted)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"transform": ["TopP"]}, "a dict with a 'transform'"),
        ({"transform": "TopP", "p": {"array": [0.5]}}, "TopP cannot be made of"),
        ({"transform": "TopP", "p": {"array": [0.5], "dtype": "f"}, "also": 1}, "described by"),
        ({"transform": "Chain", "transforms": 5}, "Chain cannot be made of"),
        ({"transform": "Chain", "transforms": [5]}, "5"),
        ({"transform": "TopQ", "p": 0.9}, "no transform is named 'TopQ'"),
        ({"transform": "Function", "fn": "os.system"}, "no function is named 'os.system'"),
        ({"transform": "TopP"}, r"described by \['p'\], got \[\]"),
        ({"transform": "TopP", "p": 0.9, "q": 1}, "described by"),
        ({"transform": "TopP", "p": 1.9}, "1.9"),
        ({"p": 0.9}, "'transform'"),
        ("TopP", "'transform'"),
    ],
)
def test_nonsense_is_named(data, message):
    with pytest.raises(ValueError, match=message):
        from_dict(data)


def test_a_function_keeps_its_arguments():
    sampler = Function(Partial(toys.scale, np.float32(0.5)))
    same(through_json(sampler), sampler)
    with pytest.raises(ValueError, match="scale"):
        from_dict(to_dict(sampler))


def test_an_empty_table_keeps_its_axes():
    sampler = DRY(0.8)
    restored = from_dict(json.loads(json.dumps(to_dict(sampler))))
    assert restored.breakers.shape == sampler.breakers.shape == (0, 1)
