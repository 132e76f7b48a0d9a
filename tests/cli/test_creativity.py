"""The command study creativity with its default prompts."""

import json

import pytest


@pytest.mark.slow
def test_the_embedded_model_without_any_data(cli, tmp_path):
    run = cli("study", "creativity", "--out", tmp_path / "out", "--quick", "--samples", 4)
    assert run.status == 0, run.err
    found = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    assert "grammatical" in {column["name"] for column in found["tables"][0]["columns"]}
    rows = {row["setting"]: row for row in found["tables"][0]["rows"]}
    assert len(rows) == 7 and rows["T 0.667"]["grammatical"]["value"] == 1.0
    assert "proxy" in (tmp_path / "out" / "report.html").read_text("utf-8")
