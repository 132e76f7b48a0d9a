"""The finer grid of fixed settings: its quick form of top-p, and its file."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

import jaxsample_models
from benchmarks.experiments.arithmetic import finer
from benchmarks.experiments.arithmetic.world import part, solved
from benchmarks.experiments.learned.grids import FAMILIES
from jaxsample_models.arithmetic import draw_sums

SUMS = draw_sums(np.random.default_rng(8), 16, held_out=True)
PS = [0.05, 0.16, 0.5, 0.8, 0.93, 1.0]


@pytest.fixture(scope="module")
def few():
    return part(jaxsample_models.embedded_arithmetic(), SUMS)


@pytest.mark.parametrize(
    ("family", "heat"),
    [
        ("fixed", {"temperature": 0.8}),
        ("fixed", {"temperature": 2.0}),
        ("edt", {"t0": 0.5, "theta": -4.0}),
        ("edt", {"t0": 2.0, "theta": 0.8}),
    ],
)
def test_the_quick_form_is_the_library(few, family, heat):
    rows = finer.in_order(few.tree.logits, few.tree.tokens)
    found = finer.right_at(rows, finer._heats(heat, rows.entropy), jnp.asarray(PS))
    expected = [solved(FAMILIES[family](**heat, p=p), few).right for p in PS]
    # A chance is the sum of 300 float32 products of 7.
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(np.mean(expected, axis=1)) > 0.01  # p matters


def test_the_best_setting_is_that_of_all_settings_for_each_goal(few):
    grid = {"temperature": [0.5, 2.0]}
    found = finer.best(few, "fixed", grid, PS)
    tried = [
        ({"temperature": t, "p": p}, solved(FAMILIES["fixed"](t, p), few).right)
        for t in grid["temperature"]
        for p in PS
    ]
    for goal, (setting, chances) in found.items():
        means = [np.mean(finer.reached(right, goal)) for _, right in tried]
        assert setting == tried[int(np.argmax(means))][0]
        assert np.mean(finer.reached(chances, goal)) == pytest.approx(max(means))
    one, eight = (
        np.mean(finer.reached(chances, "pass@8")) for _, chances in list(found.values())[:2]
    )
    assert one <= eight


def test_a_quick_form_that_differs_from_the_library_is_an_error(few, monkeypatch):
    monkeypatch.setattr(finer, "right_at", lambda rows, heats, ps: np.full((len(ps), 16), 0.9))
    with pytest.raises(RuntimeError, match="by the library, 0.9"):
        finer.best(few, "fixed", {"temperature": [0.5]}, [0.8])


def test_arms_that_were_trained_are_read_from_the_parts(tmp_path):
    (tmp_path / "parts").mkdir()
    arms = {"fixed_1": [[0.5, 0.5]], "nucleus_both": [[0.5, 0.7], [0.1, 0.3]]}
    for name, right in arms.items():
        written = json.dumps({"mark": {}, "found": {name: {"right": right}}})
        (tmp_path / "parts" / f"{name}.json").write_text(written)
    (tmp_path / "parts" / "checks.json").write_text(json.dumps({"found": {"right": 3}}))
    found = finer.trained(tmp_path)
    assert set(found) == {"nucleus_both"}
    assert finer.by_seed(found)["nucleus_both"]["pass@1"] == pytest.approx([0.6, 0.2])
