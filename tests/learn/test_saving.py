"""A trained sampler as a folder."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxsample import Temperature, TopP, chain
from jaxsample.learn import Learned, Policy, load, save
from tests.learn.test_policy import wild

POLICY = wild(
    Learned(Policy("edt", features=("entropy",), hidden_size=4, width=8, rngs=nnx.Rngs(0)))
)


def equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


@pytest.mark.parametrize("sampler", [POLICY, chain(Temperature(0.9), POLICY, TopP(0.9))])
def test_there_and_back(tmp_path, sampler):
    save(sampler, tmp_path)
    equal(load(tmp_path), sampler)


def test_a_bare_policy_is_saved_as_learned(tmp_path):
    policy = Policy(width=4, rngs=nnx.Rngs(2))
    save(policy, tmp_path)
    equal(load(tmp_path), Learned(policy))


def test_saved_in_another_dtype_it_loads_as_float32(tmp_path):
    half = POLICY.replace(params=jax.tree.map(lambda x: x.astype(jnp.bfloat16), POLICY.params))
    save(half, tmp_path)
    again = load(tmp_path)
    assert {x.dtype for x in jax.tree.leaves(again.params)} == {jnp.dtype("float32")}
    row = jnp.linspace(0, 3, 16)
    np.testing.assert_allclose(
        again(row, None, jnp.ones(4)), POLICY(row, None, jnp.ones(4)), rtol=0.05, atol=0.05
    )


def test_what_is_no_such_folder_is_said(tmp_path):
    with pytest.raises(ValueError, match="no sampler.json"):
        load(tmp_path)
    save(POLICY, tmp_path)
    path = tmp_path / "sampler.json"
    data = json.loads(path.read_text())
    data["members"][0]["policy"]["hidden_size"] = 6
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"must have shape \[7, 8\], found shape \[5, 8\]"):
        load(tmp_path)
    path.write_text("{}")
    with pytest.raises(ValueError, match="not of the format"):
        load(tmp_path)
