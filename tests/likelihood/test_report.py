"""The numbers and the verdict, worked by hand."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.experiments.learned import protocol as plan
from benchmarks.experiments.likelihood import prove
from benchmarks.experiments.likelihood.report import contrast, report, tables

PROTOCOL = plan.load(Path(prove.__file__).with_name("protocol.toml"))
OTHERS = ("plain", "fixed", "fixed_oracle", "edt", "edt_oracle", "instance_oracle")
RUNGS = ("instance", "distribution", "low_rank")


def domain(gain):
    """Return arms whose learned one is better by `gain` on average, in texts of 1 and 3 tokens."""
    noise = 0.01 * np.where(np.arange(40) % 2, 1.0, -1.0)
    learned = {"units": [(1.0 + noise).tolist()] * 2, "apart_from_library": 1e-5}
    other = {"units": [[1.0 + gain] * 40], "apart_from_library": 1e-5}
    arms = dict.fromkeys((*OTHERS, *RUNGS), other)
    return {"arms": arms | {"learned": learned}, "sizes": [1, 3] * 20}


def test_a_difference_is_per_token():
    """Units of 1 and 3 tokens, better by gain + .01 and gain - .01: 1/4 and 3/4 of the tokens."""
    found = domain(0.06)
    arms, sizes = found["arms"], np.array(found["sizes"])
    apart = contrast(arms["learned"], arms["fixed"], sizes, PROTOCOL["statistics"])
    assert apart["mean"] == pytest.approx(-0.06 + 0.005)
    assert apart["ci"][0] <= apart["mean"] <= apart["ci"][1] < 0
    assert apart["p"] < 0.01


@pytest.mark.parametrize(
    ("gain", "met", "certain"),
    [(0.08, True, True), (0.0555, True, False), (0.04, False, False)],
)
def test_the_prediction(gain, met, certain):
    """The mean is .005 below the gain, and its interval about .0023 wide on each side."""
    found = report({"a": domain(gain), "b": domain(1.0)}, PROTOCOL)
    verdict = found["predictions"]["gain"]
    assert (verdict["met"], verdict["certain"], verdict["void"]) == (met, certain, False)
    assert verdict["parts"]["b"]["met"]
    for name in PROTOCOL["endpoints"]["primary"]:
        for arms in found["domains"].values():
            assert arms["differences"][name]["p"] <= arms["differences"][name]["p_holm"] <= 1
    assert "learned_minus_fixed" in tables(found)


@pytest.mark.parametrize("arm", ["learned", "fixed_oracle", "edt_oracle"])
@pytest.mark.parametrize("apart", [0.1, np.nan])
def test_curves_that_differ_from_the_library_make_a_run_void(arm, apart):
    found = domain(1.0)
    found["arms"][arm] = found["arms"][arm] | {"apart_from_library": apart}
    assert report({"a": found}, PROTOCOL)["predictions"]["gain"]["void"]


def test_the_rival_is_tuned_less_than_the_policy_as_the_plan_says():
    policy, rival = PROTOCOL["policy"], PROTOCOL["low_rank"]
    assert len(rival["configurations"]) == 2 < len(policy["configurations"])
    assert rival["epochs"] == 4 < policy["epochs"] and rival["patience"] < policy["patience"]
