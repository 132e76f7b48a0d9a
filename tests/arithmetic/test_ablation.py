"""The ablation of the policy gradient: its arms, and its comparison with plain REINFORCE."""

import functools
import json
import math
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.experiments.arithmetic import ablation
from benchmarks.experiments.learned.protocol import digest, load
from jaxsample.learn import Group
from jaxsample_models.arithmetic import solutions


def tokens_of(slips):
    """Return solutions of a sum whose answer is 10, each with a slip in the last digit or none."""
    nothing = np.zeros(len(slips), int)
    return jnp.array(solutions(nothing, nothing, 10 + np.array(slips)))


@functools.partial(jax.jit, static_argnums=0)
def credited(credit, tokens):
    reference, size = jnp.array(tokens_of([0]))[0], jnp.int32(7)
    group = Group(tokens, jnp.full(len(tokens), size), reference, size, reference, size)
    return credit(group)


def test_every_arm_is_an_objective():
    protocol = load(ablation.PROTOCOL)
    for options in protocol["arms"].values():
        ablation.objective(options, protocol["training"]["samples"])
    assert {"plain", *protocol["quick"]["arms"]} <= set(protocol["arms"])


@pytest.mark.parametrize("wrong", [3, 9, 12])
def test_the_plain_credit_is_the_share_of_sets_that_a_sample_solves(wrong):
    """The other 7 of a set of 8 are all wrong; a sample that is wrong gets nothing."""
    slips = [1] * wrong + [0] * (12 - wrong)
    credit = credited(ablation.plain, tokens_of(slips))
    share = 8 * math.comb(wrong, 7) / math.comb(11, 7)
    np.testing.assert_allclose(credit.advantages, [0] * wrong + [share] * (12 - wrong), rtol=1e-5)


def test_standardised_credit_has_unit_variance_or_is_zero():
    credit = credited(ablation.standardised, tokens_of([1] * 9 + [0] * 3))
    assert jnp.std(credit.advantages) == pytest.approx(1, rel=1e-3)  # 1e-4 is added
    alike = credited(ablation.standardised, tokens_of([0] * 12))
    np.testing.assert_array_equal(alike.advantages, 0)


def test_arms_are_compared_with_the_plain_one():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.4, (2, 40))
    noise = rng.normal(0, 0.001, (2, 40))
    chances = {"untrained": base[:1], "plain": base, "leave one out": base + 0.1 + noise}
    arms = {
        name: {"right": x.tolist(), "missed": (0 * x).tolist(), "cpu_s": 1.0}
        for name, x in chances.items()
    }
    statistics = load(ablation.PROTOCOL)["statistics"] | {"flips": 200}
    found = ablation.compared(arms, statistics)
    apart = found["leave one out"]["minus_plain"]["pass_1"]
    assert apart["value"] == pytest.approx(0.1, abs=1e-3) and apart["ci"][0] > 0.09
    assert apart["p_holm"] == 2 * apart["p"]  # two differences, alike in their p-values
    assert "minus_plain" not in found["plain"]
    assert "leave one out" in ablation.shown(found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_quick_run_writes_all_numbers(tmp_path):
    command = [sys.executable, str(Path(ablation.__file__)), "--quick", "--out", str(tmp_path)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    results = json.loads((tmp_path / "results.json").read_text())
    arms, names = results["arms"], set(load(ablation.PROTOCOL)["quick"]["arms"])
    assert results["protocol_sha256"] == digest(ablation.PROTOCOL)
    assert set(arms) == {"untrained", *names}
    for found in arms.values():
        low, high = found["pass_8"]["ci"]
        assert 0 <= low <= found["pass_8"]["value"] <= high <= 1
    apart = arms["4 epochs, clip .2"]["minus_plain"]["pass_8"]
    assert apart["ci"][0] <= apart["value"] <= apart["ci"][1]
    assert {path.stem for path in (tmp_path / "parts").iterdir()} == names
