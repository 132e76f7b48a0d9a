"""Measures, temperatures, costs and the folder of a study."""

import csv
import json
import math

import numpy as np
import pytest

from jaxsample import EntropyTemperature, Temperature, TopK, TopP, chain
from jaxsample.study import (
    Item,
    Setting,
    grid,
    measure,
    rouge_l,
    self_bleu,
    sweep,
    temperatures,
)
from jaxsample.study.measures import _cost as cost
from jaxsample.study.measures._by_prompt import COLUMNS
from jaxsample.study.show._results_folder import cell, chart, results, table, write
from jaxsample.study.show._texts import side_by_side
from jaxsample.study.show.charts._marks import bar_chart
from tests.study.models import bigrams

ITEMS = [
    Item("a", "w1", ("w2 w3 w4", "w5")),
    Item("b", "w2 w3"),
]
SETTINGS = [
    Setting("T .5", Temperature(0.5)),
    Setting("T 2", Temperature(2.0)),
    Setting("EDT", chain(EntropyTemperature(1.2, 0.3))),
]


@pytest.fixture(scope="module")
def rows():
    return sweep(bigrams(), SETTINGS, ITEMS, samples=3, max_new_tokens=8, batch_size=18).rows


def test_measures_are_those_of_the_rows(rows):
    found = measure(rows, ITEMS)
    assert list(found) == ["T .5", "T 2", "EDT"]
    mine = [r for r in rows if r["setting"] == "T 2" and r["item"] == "a"]
    texts = [r["text"] for r in mine]
    values = {name: of[0] for name, of in found["T 2"].items()}
    assert set(values) == set(COLUMNS)
    wanted = np.mean(rouge_l(texts, [ITEMS[0].references] * 3))
    assert values["rouge_l"] == pytest.approx(wanted)
    assert values["self_bleu"] == pytest.approx(self_bleu(texts))
    drawn = [x for r in mine for x in r["logprobs"]]
    assert values["sampler_entropy"] == pytest.approx(-math.fsum(drawn) / len(drawn))
    raw = [x for r in mine for x in r["model_logprobs"]]
    assert values["perplexity"] == pytest.approx(math.exp(-math.fsum(raw) / len(raw)))
    assert values["ended"] == np.mean([r["ended"] for r in mine])
    assert math.isnan(found["T 2"]["rouge_l"][1])  # no reference


def test_temperatures_are_those_of_the_formula(rows):
    source = bigrams()
    row = next(r for r in rows if r["setting"] == "EDT" and len(r["tokens"]) > 4)
    edt = SETTINGS[2].sampler
    (found,) = temperatures(source, edt, [source.encode(row["prompt"])], [row["tokens"]])
    wanted = 1.2 * 0.8 ** (0.3 / np.asarray(row["entropy"]))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)  # a ratio of differences of float32 logits
    (found,) = temperatures(source, chain(TopK(1), TopP(1.0)), [[1]], [[2, 3]])
    assert np.isnan(found).all()
    with pytest.raises(ValueError, match="41 tokens does not fit 32"):
        temperatures(source, edt, [[1]], [[2] * 40])


def test_texts_are_shown_token_by_token(rows):
    source = bigrams()
    shown = side_by_side(source, SETTINGS, ITEMS, rows)
    assert [text["item"] for text in shown] == ["a", "b"]
    assert shown[0]["reference"] == "w2 w3 w4" and shown[1]["reference"] is None
    for text in shown:
        for sample, setting in zip(text["samples"], SETTINGS, strict=True):
            row = next(
                r for r in rows if r["setting"] == setting.name and r["item"] == text["item"]
            )
            assert "".join(sample["pieces"]) == row["text"]
            assert len(sample["pieces"]) == len(sample["temperature"]) == len(row["tokens"])
            raw = np.exp(row["model_logprobs"])
            np.testing.assert_allclose(sample["probabilities"], raw, atol=1e-5)
    assert shown[0]["samples"][0]["temperature"][0] == 0.5


def test_costs_are_measured_in_turns():
    settings = grid("T {t}", lambda t: Temperature(t), t=[0.5, 1.0])
    found = cost.costs(bigrams(), settings, batch_size=2, tokens=4, rounds=3)
    assert [one.setting for one in found] == ["T 0.5", "T 1.0"]
    assert found[0].ratio == 1 and all(one.low <= one.ratio <= one.high for one in found)


def test_the_folder_has_results_tables_and_charts(tmp_path):
    found = results(bigrams(), "demo", "A demo", "Two\n  lines.", command="demo", quick=True)
    assert found["about"] == "Two lines." and found["model"]["parameters"] == 400
    rows = [
        {"setting": "a", "value": cell(1.5, (1.0, math.inf)), "left out": 1},
        {"setting": "b", "value": cell(math.nan)},
    ]
    columns = {"setting": ("setting", None), "value": ("value", "%")}
    found["tables"].append(table("numbers", "Numbers", "A caption.", columns, rows))
    spec = bar_chart([{"name": "a", "value": 1.5}], "value", "setting")
    found["charts"].append(chart("picture", "A picture", "A caption.", spec))
    path = write(tmp_path / "out", found)
    read = json.loads(path.read_text())
    assert read["tables"][0]["rows"] == [
        {"setting": "a", "value": {"value": 1.5, "ci": [1.0, "inf"]}},
        {"setting": "b", "value": {"value": None, "ci": None}},
    ]
    with open(tmp_path / "out" / "numbers.csv", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["setting", "value", "value_low", "value_high"]
    assert lines[1] == ["a", "1.5", "1.0", "inf"]
    assert (tmp_path / "out" / "picture.png").read_bytes().startswith(b"\x89PNG")
