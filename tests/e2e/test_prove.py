"""The experiment on E2E: its parts on a toy, and the whole from one command."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.experiments.e2e.arms import settings, tuned, valued
from benchmarks.experiments.e2e.begun import begun
from benchmarks.experiments.e2e.reward import SlotReward
from benchmarks.experiments.e2e.verdict import compared
from benchmarks.experiments.e2e.world import missing, toy
from benchmarks.experiments.learned.protocol import load
from jaxsample import Temperature, prefill
from jaxsample.learn import Group, Rewards

FOLDER = Path(__file__).parents[2] / "benchmarks" / "experiments" / "e2e"
PROTOCOL = load(FOLDER / "protocol.toml")


@pytest.fixture(scope="module")
def world():
    return toy(PROTOCOL["sizes"]["quick"])


@pytest.mark.parametrize("size", ["cpu", "gpu", "quick"])
def test_all_arms_draw_the_same_number_of_texts(size):
    plan = PROTOCOL["sizes"][size]
    policy = plan["updates"] * plan["batch"] * plan["samples"]
    for arm in ("fixed", "edt"):
        grid = len(settings(arm, PROTOCOL))
        assert grid * plan["tune"] * plan["samples_tune"] == policy


def test_no_prompt_tunes_and_judges(world):
    tune, test = ({world.meanings[item.id] for item in part} for part in (world.tune, world.test))
    assert tune and test and not tune & test
    assert all(world.meanings[item.id] in item.prompt for item in world.tune)


def test_missing_data_is_named(tmp_path):
    assert "needs --data DIR" in str(missing(None, PROTOCOL["data"]))
    assert "lacks e2e_dev.csv and e2e_test.csv" in str(missing(tmp_path, PROTOCOL["data"]))


def test_the_reward_is_that_of_the_words(world):
    tokenizer = world.source.tokenizer
    ids = tokenizer.encode("the mill is a pub by the river").ids
    meanings = [
        tokenizer.encode(text).ids
        for text in ("name[the mill], food[french]", "eattype[pub], area[riverside]")
    ]
    tokens = jnp.array([ids, [9] * len(ids)])
    lengths = jnp.array([len(ids), 3])
    group = Group(
        jnp.stack([tokens, tokens]),
        jnp.stack([lengths, lengths]),
        jnp.array([row + [0] * (12 - len(row)) for row in meanings]),
        jnp.array([len(row) for row in meanings]),
        jnp.zeros((2, 1), jnp.int32),
        jnp.ones(2, jnp.int32),
    )
    found = jax.jit(jax.vmap(Rewards(SlotReward(tokenizer))))(group)
    assert found.value.tolist() == [0.25, 0.5]
    assert found.advantages.tolist() == [[0.5, -0.5], [1.0, -1.0]]


def test_a_model_behind_its_examples_says_what_the_whole_prompt_says():
    """The embedded model attends to positions, so a wrong one would change its tokens."""
    import jaxsample_models

    stories = jaxsample_models.embedded()
    encode = stories.tokenizer.encode
    before = "A quiet story. Once upon a time there was a girl named Lily. She lived in a village."
    prompts = [encode(f"{before} {end}").ids for end in ("Lily", "One day")]
    model, rest = begun(stories.model, stories.params, prompts, 40)
    assert max(map(len, rest)) < 4

    def hidden(model, prompts, length):
        width = max(map(len, prompts))
        tokens = jnp.array([ids + [0] * (width - len(ids)) for ids in prompts])
        lengths = jnp.array([len(ids) for ids in prompts])
        given = jax.random.key(0), model, stories.params, tokens, Temperature(1.0)
        return prefill(*given, lengths=lengths, max_length=length).hidden

    whole = hidden(stories.model, prompts, 40)
    later = hidden(model, rest, 40 - len(prompts[0]) + len(rest[0]))
    # The whole prompt is read in other pieces, so sums may be rounded otherwise.
    np.testing.assert_allclose(later, whole, atol=1e-4)


def row(setting, item, text, logprobs, plain):
    return dict(setting=setting, item=item, text=text, logprobs=logprobs, model_logprobs=plain)


def test_the_setting_with_the_largest_objective_is_chosen(world):
    """Here a nat costs a tenth of a slot, so the cold setting loses what it gains."""
    item = world.tune[0]
    rows = [
        row("warm", item.id, "the mill is a pub", [-1.0, -1.0], [-1.0, -1.0]),
        row("cold", item.id, "the mill is a french pub", [0.0, 0.0], [-1.0, -2.0]),
    ]
    values = valued(rows, world, 0.1)
    assert values["kl"].tolist() == [0.0, 3.0]
    assert values["reward"] == pytest.approx([0.4, 0.6])
    assert tuned(rows, world, 0.1)[0] == "warm"
    assert tuned(rows, world, 0.01)[0] == "cold"


def test_the_verdict_follows_from_the_differences():
    rng = np.random.default_rng(0)
    names = ("objective", "reward", "kl", "bleu", "rouge_l", "self_bleu", "length")
    base = {name: rng.normal(size=20) for name in names}
    better = {name: x + (0.5 if name == "objective" else 0.0) for name, x in base.items()}
    found = compared({"fixed": base, "edt": better, "policy 0": better}, PROTOCOL)
    one = found["differences"]["objective_over_fixed"]
    assert one["mean"] == pytest.approx(0.5) and one["p_holm"] < 0.01
    assert found["differences"]["objective_over_edt"]["p_holm"] == 1.0
    met = {name: verdict["met"] for name, verdict in found["predictions"].items()}
    true = {"objective_over_fixed", "bleu_held"}
    assert {name for name, one in met.items() if one} == true
    assert met.keys() == PROTOCOL["predictions"].keys()


def test_seeds_that_disagree_widen_the_interval():
    names: tuple[str, ...] = ("objective", "reward", "kl", "bleu", "rouge_l", "self_bleu", "length")
    base = dict.fromkeys(names, np.linspace(0.0, 1.0, 20))
    good, bad = ({name: x + by for name, x in base.items()} for by in (0.5, -0.1))
    policies = {f"policy {seed}": of for seed, of in enumerate((good, good, bad))}
    found = compared({"fixed": base, "edt": base} | policies, PROTOCOL)
    one = found["differences"]["reward_over_fixed"]
    assert one["mean"] == pytest.approx(0.3) and one["ci"][0] < 0
    assert not found["predictions"]["reward_over_fixed"]["met"]


@pytest.mark.slow
def test_the_experiment_runs_from_one_command_and_resumes(tmp_path):
    command = [sys.executable, FOLDER / "prove.py", "--quick", "--out", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    arms = results["arms"]
    assert set(arms) == {"plain", "fixed", "edt", "policy 0", "policy 1"}
    assert arms["policy 0"]["reward"]["mean"] > arms["plain"]["reward"]["mean"]
    assert abs(arms["plain"]["kl"]["mean"]) < 1e-4
    assert (tmp_path / "tuned.png").stat().st_size > 1000
    # A run that was cut off while it drew the texts of the test leaves this behind.
    (tmp_path / "results.json").unlink()
    (tmp_path / "test.json").unlink()
    lines = (tmp_path / "test" / "rows.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "test" / "rows.jsonl").write_text("".join(lines[: len(lines) // 2]))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/rows.jsonl")}
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    resumed = json.loads((tmp_path / "results.json").read_text())
    drawn = {path.parent.name for path, at in before.items() if path.stat().st_mtime_ns > at}
    assert drawn == {"test"}
    for arm, of in arms.items():
        for name, one in of.items():
            # Other texts share a batch with these, so log-probabilities may be rounded otherwise.
            assert resumed["arms"][arm][name]["mean"] == pytest.approx(one["mean"], abs=1e-4)
    costs = results["costs"]
    assert all(one["whole"] and one["process_seconds"] > 0 for one in costs.values())
    assert not resumed["costs"].pop("test")["whole"]
    assert resumed["costs"] == {name: one for name, one in costs.items() if name != "test"}
    (tmp_path / "mark.json").write_text("{}")
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 1 and "another protocol or size" in again.stderr
