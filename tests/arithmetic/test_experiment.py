"""The experiment on worked sums: its credit, its comparisons, and its files."""

import copy
import itertools
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.experiments.arithmetic.credit import PassAtK
from benchmarks.experiments.arithmetic.measures import at_k, contrast, share
from benchmarks.experiments.arithmetic.prove import PROTOCOL
from benchmarks.experiments.arithmetic.verdicts import conclude
from benchmarks.experiments.learned.protocol import digest, load
from jaxsample.learn import Group, Rewards
from jaxsample_models.arithmetic import PLANS

SAMPLES = 5


def rewards(group):
    return group.tokens[:, 0].astype(jnp.float32)


def group_of(outcomes):
    tokens = jnp.asarray(outcomes, jnp.int32)[:, None]
    return Group(tokens, jnp.ones(len(tokens), jnp.int32), tokens[0], 1, tokens[0], 1)


ALL = list(itertools.product((0, 1), repeat=SAMPLES))


@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_the_credit_gives_the_gradient_of_pass_at_k(k):
    """Its expectation over all outcomes of samples that are right with one probability is exact."""
    chance = 0.3
    credited = jax.jit(jax.vmap(lambda outcomes: PassAtK(rewards, k)(group_of(outcomes))))
    advantages, values = credited(jnp.array(ALL))
    outcomes = np.array(ALL)
    weights = np.prod(np.where(outcomes, chance, 1 - chance), axis=1)
    slopes = np.where(outcomes, 1 / chance, -1 / (1 - chance))  # of the log-probability in `chance`
    gradient = weights @ np.mean(advantages * slopes, axis=1)
    assert weights @ values == pytest.approx(1 - (1 - chance) ** k, rel=1e-5)
    assert gradient == pytest.approx(k * (1 - chance) ** (k - 1), rel=1e-5)


def test_with_one_sample_the_credit_is_the_reward():
    for outcomes in ((0, 1, 1, 0, 0), (1, 1, 1, 1, 1)):
        group = group_of(outcomes)
        np.testing.assert_allclose(PassAtK(rewards, 1)(group)[0], Rewards(rewards)(group)[0])


def test_a_difference_and_a_share_are_those_of_the_means():
    plain, half, whole = (np.array([x]) for x in ([0.2, 0.4], [0.3, 0.5], [0.4, 0.6]))
    plan = {"resamples": 200, "seed": 0}
    assert at_k(plain, 8)[0, 0] == pytest.approx(1 - 0.8**8)
    assert contrast(whole, half, 1, plan)["value"] == pytest.approx(0.1)
    found = share(half, whole, plain, 1)
    assert found["value"] == pytest.approx(0.5) and found["ci"] == pytest.approx([0.5, 0.5])
    assert share(half, plain, plain, 1)["ci"] is None


def test_the_predictions_need_whole_intervals():
    protocol, rng = load(PROTOCOL), np.random.default_rng(0)
    spread = rng.uniform(-0.1, 0.1, (1, 40))
    base, better = 0.3 + spread, np.clip(0.4 + spread + rng.uniform(0, 0.01, (5, 40)), 0, 1)
    right = {"plain": base, "nucleus_eight": better, "fine_tune_eight": better + 0.05}
    for family in ("fixed", "edt", "min_p", "kinds"):
        right |= {f"{family}_oracle_{k}": base for k in (1, 8)}
    verdicts = conclude(right, protocol)["predictions"]
    assert set(verdicts) == set(protocol["predictions"])
    assert all(found["certain"] for found in verdicts.values())
    noise = copy.copy(right)
    noise["nucleus_eight"] = base + rng.normal(0, 0.2, (5, 40)).clip(-0.1, 0.1)
    assert not conclude(noise, protocol)["predictions"]["more_solved"]["certain"]


def test_the_protocol_names_what_there_is():
    protocol = load(PROTOCOL)
    assert protocol["learned"]["rung"] in protocol["rungs"]
    assert protocol["learned"]["credit"] in protocol["credits"]
    assert len(PLANS) == 3 and len(protocol["seeds"]["full"]) == 5
    assert max(protocol["credits"].values()) <= protocol["training"]["quick"]["samples"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_quick_run_resumes_and_writes_all_numbers(tmp_path):
    """The exact numbers agree with sampled texts, and a second run reads what the first kept."""
    command = [sys.executable, str(PROTOCOL.with_name("prove.py")), "--quick", "--out", tmp_path]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["protocol_sha256"] == digest(PROTOCOL)
    arms = results["arms"]
    for arm in ("plain", "fixed_8", "edt_oracle_1", "nucleus_eight", "fine_tune_eight"):
        low, high = arms[arm]["pass_8"]["ci"]
        assert 0 <= low <= arms[arm]["pass_8"]["value"] <= high <= 1
    for k in (1, 8):
        best = arms[f"fixed_oracle_{k}"][f"pass_{k}"]["value"]
        assert best >= arms[f"fixed_{k}"][f"pass_{k}"]["value"] - 1e-9
    assert arms["nucleus_eight"]["texts"] == arms["fine_tune_eight"]["texts"]
    for k in (1, 8):
        told = results["checks"][f"pass_{k}"]
        # 10 texts of 16 sums: the spread of one text is at most .5, of pass@8 at most .5 a sum.
        assert abs(told["difference"]) <= 4 * 0.5 / (160 if k == 1 else 16) ** 0.5
    assert results["checks"]["missed"]["mean"] < 0.16  # twice the bound on the card at T = 1
    kept = (tmp_path / "parts" / "nucleus_eight.json").stat().st_mtime_ns
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    assert (tmp_path / "parts" / "nucleus_eight.json").stat().st_mtime_ns == kept
