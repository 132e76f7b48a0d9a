"""The experiment from end to end on one small world, and its files."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.experiments.learned import protocol
from benchmarks.experiments.learned.arms import measure
from benchmarks.experiments.learned.predictions import above, below, every, gather, judge
from benchmarks.experiments.learned.toys import toy
from benchmarks.experiments.learned.trial import Trial
from benchmarks.harness.kept import kept, writable


@pytest.fixture(scope="module")
def plan():
    """Return a protocol with small grids and short training."""
    small = copy.deepcopy(protocol.load())
    small["grids"] = {
        "fixed": {"temperature": [0.8, 1.0, 1.2], "p": [1.0, 0.5]},
        "edt": {"t0": [0.8, 1.0], "theta": [-1.0, 0.0], "p": [1.0]},
    }
    small["training"]["quick_toys"] = {"steps": 300, "batch": 64}
    small["learned"]["quick_rungs"] = {}
    small["learned"]["configurations"] = [{"width": 16, "rate": 1e-2}]
    small["statistics"]["resamples"] = 500
    return small


@pytest.fixture(scope="module")
def measured(plan):
    return measure(toy("crossed", 300), plan, True, lambda words: None)


@pytest.mark.slow
def test_a_world_is_measured_as_the_results_promise(measured):
    found, _ = measured
    for arm in ("plain", "fixed", "fixed_oracle", "edt", "edt_oracle", "learned", "oracle"):
        assert {"kl", "ci", "config"} <= set(found[arm])
        low, high = found[arm]["ci"]
        assert low <= found[arm]["kl"] <= high
    for name in ("learned_minus_fixed", "learned_minus_edt"):
        difference = found["differences"][name]
        assert difference["ci"][0] <= difference["mean"] <= difference["ci"][1]
        assert difference["p"] <= difference["p_holm"] <= 1
    assert len(found["best_of"]["fixed"]["n"]) == 6
    assert found["fixed"]["infinite"] == 3
    assert found["learned"]["parameters"] > 100


@pytest.mark.slow
def test_learning_wins_where_the_hidden_state_knows(measured):
    found, _ = measured
    assert found["learned"]["kl"] < 0.05 < 0.15 < found["edt_oracle"]["kl"]
    assert found["differences"]["learned_minus_edt"]["ci"][1] < 0
    assert found["recovered"]["oracle"]["value"] > 0.7
    assert found["oracle"]["kl"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.slow
def test_an_oracle_is_no_worse_on_the_test_set_than_what_was_tuned_before(measured):
    found, _ = measured
    assert found["fixed_oracle"]["kl"] <= found["fixed"]["kl"] + 1e-9
    assert found["edt_oracle"]["kl"] <= found["edt"]["kl"] + 1e-9
    assert found["edt_oracle"]["kl"] <= found["fixed_oracle"]["kl"] + 1e-9


@pytest.mark.slow
def test_the_learned_temperature_is_near_the_best(measured):
    kinds = measured[0]["temperatures"]["kinds"]
    assert set(kinds) == {"sure cold", "sure hot", "unsure cold", "unsure hot"}
    for told in kinds.values():
        assert told["learned"] == pytest.approx(told["ideal"], rel=0.25)


def test_an_arm_is_summed_by_unit_and_kind(plan):
    trial = Trial(toy("crossed", 60), plan, True)
    left = np.arange(20.0)
    trial.add("arm", [left, left + 2], {})
    assert trial.mean("arm") == pytest.approx(10.5)
    assert trial.notes["arm"]["seeds"] == pytest.approx([9.5, 11.5])
    here = trial.test.kinds == 1
    assert trial.notes["arm"]["kinds"]["sure hot"] == pytest.approx(left[here].mean() + 1)
    trial.add("other", left, {})
    apart = trial.contrast("arm", "other")
    assert apart["mean"] == pytest.approx(1.0)
    # The difference depends on the seed alone: it is 0 or 2.
    assert apart["ci"] == pytest.approx([0.0, 2.0])


def test_infinities_are_written_as_strings():
    text = json.dumps(writable({"a": [np.inf.__float__(), -np.inf, float("nan"), 1.0]}))
    assert json.loads(text) == {"a": ["inf", "-inf", None, 1.0]}


def test_a_finished_part_is_kept_for_the_same_protocol_only(tmp_path):
    path, made = tmp_path / "null.json", []

    def make():
        made.append(1)
        return {"kl": float(jnp.float32(0.5))}

    for mark in ({"protocol": "a"}, {"protocol": "a"}, {"protocol": "b"}):
        assert kept(path, mark, make) == {"kl": 0.5}
    assert len(made) == 2


def test_verdicts():
    sure = below(0.1, [0.0, 0.2], 0.3)
    likely = above(0.4, [0.2, 0.6], 0.3)
    assert (sure["met"], sure["certain"]) == (True, True)
    assert (likely["met"], likely["certain"]) == (True, False)
    both = every({"a": sure, "b": likely})
    assert (both["met"], both["certain"]) == (True, False)
    assert not every({"a": sure, "b": below(0.4, None, 0.3)})["met"]
    found = gather({"x": {"H": sure}, "y": {"H": likely, "G": sure}})
    assert found["H"]["parts"].keys() == {"x", "y"} and found["G"] is sure


RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "learned-cpu" / "results.json"


def test_committed_results_are_of_this_protocol_and_have_its_verdicts():
    results = json.loads(RESULTS.read_text())
    assert results["protocol_sha256"] == protocol.digest()
    verdicts = {name: world["predictions"] for name, world in results["worlds"].items()}
    assert gather(verdicts) == results["predictions"]
    assert set(results["predictions"]) == set(results["protocol"]["predictions"])
    for name, world in results["worlds"].items():
        if name in ("crossed", "edt"):  # their verdicts need KL per unit
            continue
        trial = SimpleNamespace(protocol=results["protocol"], world=SimpleNamespace(name=name))
        assert judge(world, trial) == verdicts[name]
