"""The study that compares the presets with plain sampling."""

import json

import numpy as np
import pytest

from jaxsample import Temperature, TopP, chain
from jaxsample.interop import PRESETS, preset
from jaxsample.study import Item, Setting, presets, read_results
from jaxsample.study.protocols._preset_comparison import presets_settings
from tests.study.models import bigrams

ITEMS = [Item("a", "w1 w2", ("w2 w3 w4",)), Item("b", "w3", ("w5",)), Item("c", "w4 w1")]
YOURS = Setting("mine", chain(Temperature(1.5), TopP(0.9)))
OPTIONS = {"samples": 2, "max_new_tokens": 8, "batch_size": 48}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    out = tmp_path_factory.mktemp("presets")
    presets(bigrams(), ITEMS, out, settings=[YOURS], **OPTIONS)
    return out


@pytest.fixture(scope="module")
def tables(studied):
    return {one["name"]: one["rows"] for one in read_results(studied)["tables"]}


def test_every_preset_is_sampled_once():
    settings = {s.name: s.sampler for s in presets_settings()}
    named = [name for setting in settings for name in setting.split(", ")]
    assert sorted(named) == sorted(["plain", *PRESETS])
    for setting, sampler in settings.items():
        for name in setting.split(", "):
            assert name == "plain" or repr(preset(name)) == repr(sampler)


def test_settings_and_differences_are_those_of_the_rows(studied, tables):
    rows = [json.loads(line) for line in (studied / "rows.jsonl").read_text().splitlines()]
    values = {}
    for setting in {row["setting"] for row in rows}:
        values[setting] = [
            -np.mean([x for r in rows if (r["setting"], r["item"]) == (setting, i.id)
                      for x in r["logprobs"]])
            for i in ITEMS
        ]  # fmt: skip
    shown = {row["setting"]: row for row in tables["settings"]}
    assert list(shown) == [s.name for s in presets_settings()] + ["mine"]
    for setting, row in shown.items():
        assert row["sampler_entropy"]["value"] == pytest.approx(np.mean(values[setting]))
    assert [row["setting"] for row in tables["differences"]] == list(shown)[1:]
    for row in tables["differences"]:
        apart = np.subtract(values[row["setting"]], values["plain"])
        found = row["sampler_entropy"]
        assert found["value"] == pytest.approx(apart.mean())
        assert apart.min() - 1e-9 <= found["ci"][0] <= found["ci"][1] <= apart.max() + 1e-9


def test_quality_is_over_prompts_with_references(studied, tables):
    assert all(row["eda"]["value"] > 0 for row in tables["settings"])
    notes = read_results(studied)["notes"]
    assert any("1 of 3 prompts have no reference" in note for note in notes)
    assert any("code and analysis have the same values" in note for note in notes)


def test_without_references_there_is_no_quality(tmp_path):
    bare = [item._replace(references=()) for item in ITEMS]
    found = presets(bigrams(), bare, tmp_path, settings=[YOURS], **OPTIONS)
    settings = next(one for one in found["tables"] if one["name"] == "settings")
    assert not {"rouge_l", "bleu", "eda"} & {column["name"] for column in settings["columns"]}
    assert "front" not in {one["name"] for one in found["charts"]}
    assert any("not measured" in note for note in found["notes"])


def test_one_sample_is_refused(tmp_path):
    with pytest.raises(ValueError, match="2 or more samples"):
        presets(bigrams(), ITEMS, tmp_path, samples=1)
