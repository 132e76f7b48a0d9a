"""The EDT study of a small model, checked against its rows."""

import json

import numpy as np
import pytest

from jaxsample import EntropyTemperature, chain
from jaxsample.study import Item, Setting, eda, edt, rouge_l, self_bleu
from jaxsample.study.protocols._edt_families import edt_settings
from jaxsample.study.protocols._edt_held_out import held_out, judged
from jaxsample.study.protocols._edt_instances import instances
from tests.study.models import bigrams

ITEMS = [
    Item(str(i), f"w{i} w{i + 1}", (f"w{i} w3 w4 w5", "w7 w8"), f"w{i + 1}") for i in range(1, 6)
]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    out = tmp_path_factory.mktemp("edt")
    mine = [Setting("mine", chain(EntropyTemperature(1.0, 0.1)))]
    found = edt(
        bigrams(), ITEMS, out, settings=mine, samples=2, max_new_tokens=8, batch_size=64, quick=True
    )
    return out, found


def tables(found):
    return {table["name"]: table["rows"] for table in found["tables"]}


def test_every_family_takes_part(study):
    rows = tables(study[1])["settings"]
    families = list(dict.fromkeys(row["family"] for row in rows))
    assert families == ["fixed temperature", "EDT", "KL-guided", "top-p", "min-p", "yours"]
    assert [sum(row["family"] == name for row in rows) for name in families] == [4] * 5 + [1]
    bare = [item._replace(without=None) for item in ITEMS]
    assert "KL-guided" not in edt_settings(bare)


def test_the_numbers_are_those_of_the_rows(study):
    out, found = study
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    for row in tables(found)["settings"]:
        quality, similarity = [], []
        for item in ITEMS:
            texts = [
                r["text"] for r in rows if (r["setting"], r["item"]) == (row["setting"], item.id)
            ]
            assert len(texts) == 2
            quality.append(np.mean(rouge_l(texts, [item.references] * 2)))
            similarity.append(self_bleu(texts))
        assert row["rouge_l"]["value"] == pytest.approx(np.mean(quality))
        assert row["self_bleu"]["value"] == pytest.approx(np.mean(similarity))
        wanted = eda(float(np.mean(quality)), float(np.mean(similarity)))
        assert row["eda"]["value"] == pytest.approx(wanted)
        low, high = row["eda"]["ci"]
        assert low <= row["eda"]["value"] <= high


def test_the_best_of_a_family_has_its_lowest_eda(study):
    found = tables(study[1])
    for best in found["best"]:
        family = [row for row in found["settings"] if row["family"] == best["family"]]
        assert best["eda"]["value"] == min(row["eda"]["value"] for row in family)


def test_plots_tables_and_costs_are_there(study):
    out, found = study
    for chart in found["charts"]:
        assert (out / f"{chart['name']}.png").stat().st_size > 1000
    for table in found["tables"]:
        assert (out / f"{table['name']}.csv").exists()
    timed = [row["setting"] for row in tables(found)["cost"]]
    assert timed == ["T 0.2", "EDT 0.8, 0.2", "KL 0.8, 0.5", "T 0.8, p 0.5", "T 0.8, min-p 0.02"]


def test_a_second_run_draws_nothing(study):
    out, found = study
    before = (out / "rows.jsonl").stat().st_mtime_ns
    mine = [Setting("mine", chain(EntropyTemperature(1.0, 0.1)))]
    again = edt(
        bigrams(), ITEMS, out, settings=mine, samples=2, max_new_tokens=8, batch_size=64, quick=True
    )
    assert (out / "rows.jsonl").stat().st_mtime_ns == before
    assert tables(again)["settings"] == tables(found)["settings"]


def made_up(quality, similarity):
    return {
        "rouge_l": np.asarray(quality, float),
        "bleu": np.asarray(quality, float),
        "self_bleu": np.asarray(similarity, float),
    }


def test_families_are_judged_on_prompts_that_did_not_choose():
    """Each of two settings is good on the half that chooses it, and bad on the other half."""
    values = {
        "plain": made_up([50, 50, 50, 50], [20, 20, 20, 20]),
        "even": made_up([90, 10, 90, 10], [20, 20, 20, 20]),
        "odd": made_up([10, 90, 10, 90], [20, 20, 20, 20]),
    }
    settings = {name: Setting(name, chain()) for name in values}
    names, found = judged(values, [settings["even"], settings["odd"]], 1.0)
    assert names == ["even", "odd"]
    assert found["rouge_l"].tolist() == [10, 10, 10, 10]
    families = {"first": [settings["plain"]], "lucky": [settings["even"], settings["odd"]]}
    rows = held_out(values, families, 1.0)["rows"]
    assert [row["weight"] for row in rows] == [0.5, 1.0, 2.0]
    assert rows[1]["settings"] == "even; odd" and rows[1]["against"] == "plain"
    assert rows[1]["rouge_l"] == {"value": -40.0, "ci": [-40.0, -40.0]}
    assert rows[1]["eda"]["value"] == pytest.approx(eda(10, 20) - eda(50, 20))
    assert rows[1]["eda"]["ci"] == pytest.approx([rows[1]["eda"]["value"]] * 2)


def test_differences_at_the_weight_of_the_study_are_corrected():
    """Of ten swaps of unequal sides at random two in 1024 reach the difference: p is about .002."""
    base, better = made_up([50] * 10, [20] * 10), made_up([90] * 10, [20] * 10)
    values = {"plain": base, "same": base, "better": better}
    families = {name: [Setting(name, chain())] for name in values}
    rows = held_out(values, families, 1.0)["rows"]
    found = {(row["family"], row["weight"]): row.get("holm") for row in rows}
    assert found["same", 1.0] == 1.0 and 0 < found["better", 1.0] < 0.02
    assert {found[name, trade] for name in ("same", "better") for trade in (0.5, 2.0)} == {None}


def test_one_prompt_judges_nothing():
    values = {name: made_up([50], [20]) for name in ("plain", "other")}
    families = {name: [Setting(name, chain())] for name in values}
    found = held_out(values, families, 1.0)
    assert found["title"] == "Settings that one prompt chose"
    assert all(row.get("eda") is None and row.get("holm") is None for row in found["rows"])


def test_choosing_by_prompt_is_judged_on_other_texts():
    """A setting that is better only by luck gains nothing on the texts that judge it."""
    items = [Item("x", "w1", ("w1 w2 w3 w4",)), Item("y", "w2", ("w1 w2 w3 w4",))]
    good, bad = "w1 w2 w3 w4", "w9"
    texts = {  # samples 0, 1, 2, 3; the odd ones choose
        ("A", "x"): [bad, good, bad, good],
        ("B", "x"): [bad, bad, bad, bad],
        ("A", "y"): [good, good, good, good],
        ("B", "y"): [good, bad, good, bad],
    }
    rows = [
        {"setting": s, "item": i, "text": text} for (s, i), some in texts.items() for text in some
    ]
    settings = [Setting("A", chain()), Setting("B", chain())]
    (found,), _ = instances(rows, items, settings)
    assert [row.get("share") for row in found["rows"]] == [100.0, 0.0, None]
    assert found["rows"][-1]["quality"]["value"] == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"items": [Item("1", "w1")]}, "item '1' has none"),
        ({"samples": 1}, "2 or more samples of a prompt, got 1"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        edt(bigrams(), **({"items": ITEMS, "out": tmp_path} | change))
