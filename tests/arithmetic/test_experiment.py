"""The experiment on worked sums: its credit, its comparisons, and its files."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import optax
import pytest
from flax import nnx

from benchmarks.experiments.arithmetic.measures import at_all, at_k, contrast, share
from benchmarks.experiments.arithmetic.policies import learned
from benchmarks.experiments.arithmetic.prove import PROTOCOL
from benchmarks.experiments.arithmetic.verdicts import conclude
from benchmarks.experiments.arithmetic.world import PARTS, WEIGHTS, build, draw, kept_apart, solved
from benchmarks.experiments.learned.grids import FAMILIES
from benchmarks.experiments.learned.ladder import weights
from benchmarks.experiments.learned.protocol import digest, load
from jaxsample.learn import Learned, Policy
from jaxsample_models.arithmetic import PLANS, Corpus, trained_sums


def test_a_difference_and_a_share_are_those_of_the_means():
    plain, half, whole = (np.array([x]) for x in ([0.2, 0.4], [0.3, 0.5], [0.4, 0.6]))
    plan = {"flips": 200, "seed": 0}
    assert at_k(plain, 8)[0, 0] == pytest.approx(1 - 0.8**8)
    assert contrast(whole, half, 1, plan)["value"] == pytest.approx(0.1)
    found = share(half, whole, plain, 1)
    assert found["value"] == pytest.approx(0.5) and found["ci"] == pytest.approx([0.5, 0.5])
    assert share(half, plain, plain, 1)["ci"] is None


@pytest.fixture(scope="module")
def arms():
    """Arms whose policy is better than all but the fine-tune, with small spreads."""
    rng = np.random.default_rng(0)
    spread = rng.uniform(-0.1, 0.1, (1, 40))
    base, better = 0.3 + spread, np.clip(0.4 + spread + rng.uniform(0, 0.01, (5, 40)), 0, 1)
    right = {"plain": base, "nucleus_both": better, "fine_tune_both": better + 0.05}
    for family in ("fixed", "edt", "min_p", "kinds"):
        right |= {f"{family}_oracle_{k}": base for k in (1, 8)}
    return right


def judged(right, missed=0.0, **changed):
    missed = {name: np.zeros_like(x) for name, x in right.items()} | {
        name: np.full_like(right[name], missed) for name in changed.pop("misses", ())
    }
    return conclude(right | changed, missed, load(PROTOCOL))["predictions"]


def test_a_prediction_needs_its_whole_interval_and_its_p_value(arms):
    found = judged(arms)
    assert set(found) == set(load(PROTOCOL)["predictions"])
    assert all(verdict["met"] and not verdict["void"] for verdict in found.values())
    rng = np.random.default_rng(1)
    noisy = arms["plain"] + rng.normal(0, 0.2, (5, 40)).clip(-0.1, 0.1)
    assert not judged(arms, nucleus_both=noisy)["more_solved"]["met"]


def test_an_arm_that_is_no_better_does_not_gain_and_one_that_is_worse_loses(arms):
    """The limit is part of the null: an equal arm keeps pass@1, one .02 below does not."""
    equal = judged(arms, nucleus_both=np.repeat(arms["plain"], 5, axis=0))
    assert equal["none_lost"]["met"] and equal["none_lost"]["p_holm"] < 0.05
    assert not equal["more_solved"]["met"]
    worse = judged(arms, nucleus_both=np.repeat(arms["plain"] - 0.02, 5, axis=0))
    assert not worse["none_lost"]["met"] and worse["none_lost"]["p_holm"] > 0.5


def test_a_prediction_is_void_if_an_arm_may_be_better_than_its_number(arms):
    found = judged(arms, missed=0.01, misses=("fixed_oracle_8",))
    assert found["more_solved"]["void"] and not found["more_solved"]["met"]
    assert found["edt"]["met"]
    by_fine_tune = judged(arms, missed=0.1, misses=("fine_tune_both",))
    assert by_fine_tune["share"]["void"]
    assert judged(arms, fine_tune_both=arms["plain"])["share"]["void"]


def test_the_sums_are_apart_and_new_in_every_order():
    known_ones, val, test = draw(0, 500, 40, 60)
    training = json.loads((WEIGHTS / "training.json").read_text())
    known = {tuple(sums) for sums in trained_sums(training).tolist()}
    assert {tuple(sums) for sums in known_ones.tolist()} <= known
    rest = [tuple(sorted(sums)) for sums in [*val.tolist(), *test.tolist()]]
    assert len(set(rest)) == 100
    assert not any(order in known for sums in rest for order in itertools.permutations(sums))


def test_the_sums_of_training_are_those_that_the_corpus_draws():
    drawn = Corpus().draw(np.random.default_rng((3, 1)), 50).sums
    found = trained_sums({"calls": 2, "seed": 3, "sums": 100})
    np.testing.assert_array_equal(found[50:], drawn)


@pytest.mark.parametrize("plan", ["protocol.toml", "confirmed.toml", "after_rule.toml"])
def test_a_plan_names_what_there_is(plan):
    protocol = load(PROTOCOL.with_name(plan))
    assert protocol["learned"]["rung"] in protocol["rungs"]
    for policies in (protocol["policies"], protocol["quick_policies"]):
        assert policies.keys() <= protocol["rungs"].keys()
        assert all(set(credits) <= protocol["credits"].keys() for credits in policies.values())
        assert protocol["learned"]["credit"] in policies[protocol["learned"]["rung"]]
    assert len(PLANS) == 3 and len(protocol["seeds"]["full"]) == 5
    assert protocol["data"]["weights"] == digest(WEIGHTS / "model.safetensors")
    assert set(protocol["tests"]) == set(protocol["predictions"])
    assert max(map(max, protocol["credits"].values())) <= protocol["training"]["quick"]["samples"]


def test_the_second_plan_tests_another_arm_alone_on_other_sums(arms):
    first, second = load(PROTOCOL), load(PROTOCOL.with_name("confirmed.toml"))
    assert not {*first["seeds"]["full"]} & {*second["seeds"]["full"]}
    used = np.concatenate(draw(0, 10, 40, 60)[1:])
    rest = draw(0, 10, 40, 60, used)
    seen = [{tuple(sorted(sums)) for sums in some.tolist()} for some in (used, *rest[1:])]
    assert not seen[0] & (seen[1] | seen[2])
    right = {name: rows for name, rows in arms.items() if "_both" not in name}
    right["reshape_both"] = arms["nucleus_both"]
    missed = {name: np.zeros_like(rows) for name, rows in right.items()}
    found = conclude(right, missed, second)
    assert found["shares"] == {} and set(found["predictions"]) == set(second["predictions"])
    assert all(verdict["met"] for verdict in found["predictions"].values())


def test_a_plan_keeps_apart_from_all_plans_before_it():
    plans = (load(PROTOCOL.with_name(f"{name}.toml")) for name in ("confirmed", "after_rule"))
    second, third = (plan["data"] for plan in plans)
    sizes = [second[part] for part in PARTS]
    of_first = np.concatenate(draw(0, *sizes)[1:])
    of_second = np.concatenate(draw(second["seed"], *sizes, of_first)[1:])
    found, expected = kept_apart(third), np.concatenate([of_first, of_second])
    np.testing.assert_array_equal(found, expected)


def test_a_policy_after_a_rule_starts_from_its_best_setting(monkeypatch):
    """With a rate of 0, training changes nothing, so the arm is the best rule of the grid."""
    monkeypatch.setattr(
        "benchmarks.experiments.arithmetic.policies.adam", lambda *_: optax.sgd(0.0)
    )
    plan = load(PROTOCOL.with_name("after_rule.toml"))
    plan["data"]["quick"] = {"train": 16, "val": 16, "test": 8}
    plan["training"]["quick"] = {"steps": 1, "sums": 2, "samples": 8}
    world = build(plan["data"], quick=True)
    arm = learned("rule", [1, 8], world, plan, quick=True)
    on_val = {
        (t0, p): at_all(solved(FAMILIES["edt"](t0, -4.0, p), world.val).right, [1, 8])
        for t0, p in itertools.product(*(plan["quick_grids"]["edt"][name] for name in ("t0", "p")))
    }
    rule = arm["config"]["rule"]
    assert on_val[rule["t0"], rule["p"]] == max(on_val.values())
    assert min(on_val.values()) < max(on_val.values())
    expected = solved(FAMILIES["edt"](**rule), world.test).right
    # Parameters go to the real line and back, in float32.
    np.testing.assert_allclose(arm["right"], [expected, expected], atol=1e-5)
    policy = Policy(
        "reshape",
        features=plan["learned"]["features"],
        hidden_size=world.checkpoint.config.dim,
        width=plan["learned"]["width"],
        rngs=nnx.Rngs(0),
    )
    assert arm["parameters"] == weights(Learned(policy)) + 3  # T0, theta and p


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_quick_run_resumes_and_writes_all_numbers(tmp_path):
    """The exact numbers agree with sampled texts, and a second run reads what the first kept."""
    command = [sys.executable, str(PROTOCOL.with_name("prove.py")), "--quick", "--out", tmp_path]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["protocol_sha256"] == digest(PROTOCOL)
    arms = results["arms"]
    for arm in ("plain", "fixed_8", "edt_oracle_1", "nucleus_both", "fine_tune_both"):
        low, high = arms[arm]["pass_8"]["ci"]
        assert 0 <= low <= arms[arm]["pass_8"]["value"] <= high <= 1
    for k in (1, 8):
        best = arms[f"fixed_oracle_{k}"][f"pass_{k}"]["value"]
        assert best >= arms[f"fixed_{k}"][f"pass_{k}"]["value"] - 1e-9
    assert arms["nucleus_both"]["texts"] == arms["fine_tune_both"]["texts"]
    for k in (1, 8):
        told = results["checks"][f"pass_{k}"]
        # 4,608 texts. The error is that of the mean over sums; texts of other formats may be right.
        room = arms["plain"][f"pass_{k}"]["missed"]
        assert -4 * told["error"] <= told["difference"] <= 4 * told["error"] + room
        assert told["error"] < 0.012 and room < 0.005
    kept = (tmp_path / "parts" / "nucleus_both.json").stat().st_mtime_ns
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    assert (tmp_path / "parts" / "nucleus_both.json").stat().st_mtime_ns == kept
    finer = [sys.executable, str(PROTOCOL.with_name("finer.py")), "--run", tmp_path]
    subprocess.run(finer, check=True, cwd=Path(__file__).parents[2])
    found = json.loads((tmp_path / "finer.json").read_text())
    ours = arms["nucleus_both"]["pass_8"]["value"]
    one = next(one for one in found["best"] if one["goal"] == "pass@8")
    assert one["minus"]["nucleus_both"]["value"] == pytest.approx(ours - one["passes"]["pass@8"])
    assert len(found["by_seed"]["nucleus_both"]["pass@1"]) == 2
