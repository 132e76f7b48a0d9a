"""Folders of saved samplers."""

import json
import os
import stat

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from flax import nnx

from jaxsample import Temperature, TopP, chain
from jaxsample.learn import Learned, Policy, load, save
from tests.learn.policies import wild

POLICY = wild(
    Learned(Policy("edt", features=("entropy",), hidden_size=4, width=8, rngs=nnx.Rngs(0)))
)
DESCRIPTION, WEIGHTS = "sampler.json", "sampler.safetensors"


def equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))


@pytest.mark.parametrize("sampler", [POLICY, chain(Temperature(0.9), POLICY, TopP(0.9))])
def test_load_returns_what_was_saved(tmp_path, sampler):
    save(sampler, tmp_path)
    equal(load(tmp_path), sampler)


@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize("per", ["corpus", "instance", "token"])
@pytest.mark.parametrize("head", ["temperature", "edt", "nucleus", "reshape"])
def test_every_kind_of_policy_is_saved(tmp_path, head, per, depth):
    policy = Policy(head, per=per, depth=depth, width=3, hidden_size=2, rngs=nnx.Rngs(0))
    save(policy, tmp_path)
    equal(load(tmp_path), Learned(policy))


def test_a_bare_policy_is_saved_as_learned(tmp_path):
    policy = Policy(width=4, rngs=nnx.Rngs(2))
    save(policy, tmp_path)
    equal(load(tmp_path), Learned(policy))


def test_saved_in_another_dtype_it_loads_as_float32(tmp_path):
    half = POLICY.replace(params=jax.tree.map(lambda x: x.astype(jnp.bfloat16), POLICY.params))
    save(half, tmp_path)
    equal(load(tmp_path), half.replace(params=jax.tree.map(jnp.float32, half.params)))


def test_both_files_have_the_mode_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        save(POLICY, tmp_path)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {DESCRIPTION: 0o640, WEIGHTS: 0o640}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="sampler.json: there is no such file"):
        load(tmp_path)
    save(POLICY, tmp_path)
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(ValueError, match="sampler.safetensors: there is no such file"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe{", "is not UTF-8"),
        (b"[" * 100_000, "is not JSON: it is nested too deep"),
        (b"[]", r"is not a saved sampler: the file must be an object, got \[\]"),
        (b"{}", "is not of the format"),
    ],
)
def test_a_description_that_is_not_one_is_refused(tmp_path, content, message):
    save(POLICY, tmp_path)
    (tmp_path / DESCRIPTION).write_bytes(content)
    with pytest.raises(ValueError, match=f"{DESCRIPTION} {message}"):
        load(tmp_path)


def without(key):
    return lambda fields: fields.pop(key)


def having(**more):
    return lambda fields: fields.update(more)


@pytest.mark.parametrize(
    ("where", "change", "message"),
    [
        ("sampler", without("members"), r"must have the fields \['format', 'members'\]"),
        ("sampler", having(mood=1), "must have the fields"),
        ("sampler", having(members=5), "members must be a list"),
        ("sampler", having(members=[5]), "member 0 must be an object"),
        ("sampler", having(members=[{"transform": "Nothing"}]), "no transform is named 'Nothing'"),
        ("sampler", having(members=[{"transform": "TopP", "p": {"array": 5}}]), "member 0"),
        ("member", without("soft"), "must have the fields"),
        ("member", having(mood=1), "must have the fields"),
        ("member", having(soft=1), "soft of member 0 must be true or false"),
        ("member", having(policy=5), "the policy of member 0 must be an object"),
        ("member", having(sharpness="high"), "sharpness of member 0 must be a finite number"),
        ("policy", without("width"), "must have the fields"),
        ("policy", having(mood=1), "must have the fields"),
        ("policy", having(head=["edt"]), "head must be one of"),
        ("policy", having(features=5), "features of member 0 must be a list of names"),
        ("policy", having(features=["mood"]), "features must be among"),
        ("policy", having(t_min="cold"), "t_min must be a finite number"),
        ("policy", having(t_max=1e999), "t_max must be a finite number"),
        ("policy", having(depth=1.5), "depth must be an int >= 0"),
    ],
)
def test_a_description_with_a_wrong_field_is_refused(tmp_path, where, change, message):
    save(POLICY, tmp_path)
    path = tmp_path / DESCRIPTION
    data = json.loads(path.read_text())
    member = data["members"][0]
    change({"sampler": data, "member": member, "policy": member["policy"]}[where])
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=f"{DESCRIPTION}.*{message}"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 6}, r"must have shape \[7, 8\], found shape \[5, 8\]"),
        ({"depth": 3}, r"'layers.2.kernel' .* must have shape \[8, 8\], found nothing"),
        ({"depth": 1}, "'0.layers.1.*' that the policy has no place for"),
        ({"depth": 10**9}, "'layers.2.kernel' .* found nothing"),
        ({"width": 10**12}, r"must have shape \[5, 1000000000000\], found shape \[5, 8\]"),
        ({"per": "corpus", "depth": 10**9}, "no place for"),
    ],
)
def test_settings_that_the_weights_do_not_fit_are_refused(tmp_path, settings, message):
    """No array of such a size is built first."""
    save(POLICY, tmp_path)
    path = tmp_path / DESCRIPTION
    data = json.loads(path.read_text())
    data["members"][0]["policy"] |= settings
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=f"{WEIGHTS}.*{message}"):
        load(tmp_path)


def test_damaged_weights_are_refused(tmp_path):
    save(POLICY, tmp_path)
    path = tmp_path / WEIGHTS
    whole = path.read_bytes()
    for kept in (0, 4, 100, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(ValueError, match=f"{WEIGHTS} is damaged .* save the sampler again"):
            load(tmp_path)


def test_what_load_would_refuse_is_not_saved(tmp_path):
    params = jax.tree.map(lambda x: x.at[...].set(jnp.nan), POLICY.params)
    with pytest.raises(ValueError, match="the weights .* of member 0 hold a NaN or an infinity"):
        save(POLICY.replace(params=params), tmp_path)
    with pytest.raises(ValueError, match="sharpness of member 1 must be a finite number"):
        save(chain(TopP(0.9), POLICY.replace(sharpness=jnp.inf)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_refused(tmp_path):
    save(POLICY, tmp_path)
    path = tmp_path / WEIGHTS
    path.write_bytes(
        safetensors.numpy.save(
            {name: np.full_like(x, np.nan) for name, x in safetensors.numpy.load_file(path).items()}
        )
    )
    with pytest.raises(ValueError, match=f"{WEIGHTS}: the weights .* hold a NaN or an infinity"):
        load(tmp_path)
