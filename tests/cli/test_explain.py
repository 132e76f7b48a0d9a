"""The command explain: the tables and the figure."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from jaxsample import MinP, Temperature, TopK, TopP, chain
from jaxsample.cli.bars import bar, show
from jaxsample.cli.explain import name_of
from jaxsample.cli.flags import SamplerFlags
from jaxsample.cli.opening import open_model
from jaxsample.show import entropy, percent, probabilities, stages


def made(**flags):
    return repr(chain(*SamplerFlags(**flags).members()))


def test_flags_make_a_chain_in_one_order():
    expected = "chain(Temperature(value=0.5), TopK(k=4), TopP(p=0.9), MinP(p=0.1))"
    assert made(min_p=0.1, top_p=0.9, top_k=4, temperature=0.5) == expected
    assert made() == "chain()"


def test_flags_override_the_values_of_a_preset():
    assert made(preset="chat") == "chain(Temperature(value=0.5), TopP(p=0.5))"
    warm = made(preset="chat", temperature=1.5)
    assert warm == "chain(Temperature(value=1.5), TopP(p=0.5))"
    wide = made(preset="chat", top_p=0.9, top_k=3)
    assert wide == "chain(Temperature(value=0.5), TopK(k=3), TopP(p=0.9))"
    edt = made(preset="chat", edt=(1.0, 0.5))
    assert edt == "chain(EntropyTemperature(t0=1.0, theta=0.5), TopP(p=0.5))"


def test_bars():
    assert bar(1.0, 4) == "████"
    assert bar(0.5, 4) == "██  "
    assert bar(0.53125, 4) == "██▏ "
    assert bar(1e-9, 4) == "▏   "
    assert bar(0.0, 4) == "    "
    assert [percent(p) for p in (1.0, 0.123, 1e-5, 0.0)] == ["100%", "12.3%", "<0.1%", "0.0%"]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120])
def test_every_width_shows_every_stage_and_number(width):
    paper = io.StringIO()
    console = Console(file=paper, width=width)
    logits = 3 * np.random.default_rng(0).normal(size=600)
    members = [Temperature(1.7), TopK(8), TopP(0.9), MinP(0.1)]
    found = stages(logits, members, [0])
    tokens = np.argsort(-logits)[:20]
    show(console, probabilities(logits), found, tokens, [f'"{token}"' for token in tokens])
    out = paper.getvalue()
    assert max(map(len, out.splitlines())) <= width
    assert "…" not in out
    words = " ".join(out.split())
    for stage in found:
        assert words.count(stage.label) >= 1 or width < 80 and stage.label.split()[0] in words
        numbers = f"{entropy(stage.before):.3f} → {entropy(stage.after):.3f}"
        assert numbers in words
    assert f"{found[1].mass_cut:.2%}" in words and "600 → 8" in words


def test_an_id_that_the_tokenizer_does_not_use_is_named(tiny):
    assert name_of(open_model(tiny), [0], 14) == "unused 14"


def test_the_table(cli, tiny):
    run = cli("explain", "the cat", "--model", tiny, "--temperature", "0.5", "--top-k", "2")
    assert run.status == 0
    assert max(map(len, run.out.splitlines())) <= 80
    assert run.out.count("✂") == 11  # 13 words, 2 kept
    assert re.search(r"Temperature 0\.5 +[\d.]+ → [\d.]+ +all +0\.5", run.out)
    assert re.search(r"TopK 2 +[\d.]+ → [\d.]+ +13 → 2 +[\d.]+%", run.out)


def test_a_terminal_that_gives_no_width_has_the_usual_one(cli, tiny, monkeypatch):
    monkeypatch.setenv("COLUMNS", "0")
    assert "next token" in cli("explain", "the cat", "--model", tiny, "--top-p", "0.9").out


def test_without_a_prompt_it_explains_how_a_text_begins(cli, tiny):
    run = cli("explain", "--model", tiny)
    assert run.status == 0
    assert run.out == cli("explain", "", "--model", tiny).out


def test_it_takes_the_flags_of_generate(cli, tiny):
    flags = "--chain", "repetition_penalty=9,top_k=2", "--dtype", "float32"
    run = cli("explain", "the cat", "--model", tiny, *flags)
    assert run.status == 0
    penalised = next(line for line in run.out.splitlines() if line.startswith("RepetitionPenalty"))
    before, after = re.findall(r"\d\.\d{3}", penalised)
    assert before != after, "the penalty sees the prompt"
    refused = cli("explain", "the cat", "--model", tiny, "--generation-config")
    assert refused.status == 2 and "recommends no sampling" in refused.err


def test_four_stages_fit_eighty_columns(cli, tiny):
    flags = "--temperature 0.7 --top-k 8 --top-p 0.9 --min-p 0.1"
    run = cli("explain", "the cat", "--model", tiny, *flags.split())
    assert max(map(len, run.out.splitlines())) <= 80
    assert all(label in run.out for label in ("TopK 8", "TopP 0.9", "MinP 0.1"))


@pytest.mark.parametrize("flags", [[], ["--temperature", "0.5", "--top-p", "0.8", "--min-p", "0"]])
def test_the_figure(cli, tiny, tmp_path, flags):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "stages.png"
    run = cli("explain", "the cat , $5 🙂", "--model", tiny, *flags, "--png", path)
    assert run.status == 0
    with image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width == (1200 if flags else 800)
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10


def test_a_real_row(cli, stories):
    run = cli("explain", "Once upon a", "--model", stories, "--edt", "1", "0.5")
    assert run.status == 0
    assert run.out.splitlines()[1].startswith('" time"')
    assert "EDT 1.0, 0.5" in run.out
