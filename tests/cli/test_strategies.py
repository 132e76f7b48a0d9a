"""The command generate with a draft, with beams and without replacement."""

import json
import re

import jax
import numpy as np
import pytest

import jaxsample
from jaxsample.cli.decoding import RECORD
from jaxsample.cli.json_lines import KEYS
from jaxsample.cli.opening import open_model
from tests.cli.test_nonsense import refused

TEXT = "the cat", "--max-new-tokens", "11"
WARM = "--temperature", "0.9"
SEED = "--seed", "7"


@pytest.fixture
def lines(cli, tiny):
    """Run generate and return the lines of JSON, by sample."""

    def run(*flags):
        run = cli("generate", *TEXT, "--model", tiny, "--json", *flags)
        assert run.status == 0, run.err
        found = [json.loads(line) for line in run.out.splitlines()]
        return sorted(found, key=lambda line: line["sample"])

    return run


@pytest.fixture
def other(tiny, tmp_path):
    """A model with the vocabulary of the tiny one, and other weights."""
    import jaxsample_models

    opened = jaxsample_models.load(tiny)
    params = jax.tree.map(lambda x: x[::-1], opened.params)
    special = {"bos_token_id": 0, "eos_token_id": 1}
    path = tmp_path / "other"
    jaxsample_models.save(
        path, opened.config, params, tokenizer=opened.tokenizer, generation_config=special
    )
    return path


@pytest.mark.slow
@pytest.mark.parametrize("draft", ["lookup", "other"])
def test_a_draft_changes_no_text(lines, cli, tiny, other, draft):
    draft = other if draft == "other" else draft
    plain = lines(*WARM, *SEED, "-n", "2")
    drafted = lines(*WARM, *SEED, "-n", "2", "--draft", draft, "--ahead", "2")
    for one, two in zip(plain, drafted, strict=True):
        assert one["tokens"] == two["tokens"] and one["text"] == two["text"]
        assert one["finish_reason"] == two["finish_reason"]
        np.testing.assert_allclose(one["logprobs"], two["logprobs"], atol=1e-5)


@pytest.mark.slow
def test_stop_strings_and_statistics_of_a_draft(cli, tiny):
    given = "generate", *TEXT, "--model", tiny, *WARM, *SEED
    plain = cli(*given)
    stop = plain.out.split()[4]
    cut = cli(*given, "--draft", "lookup", "--stop", stop, "--stats")
    assert cut.out == cli(*given, "--stop", stop).out != plain.out
    assert re.search(
        r"^draft +[\d.]+ tokens a round over all texts, \d+ rounds", cut.err, re.MULTILINE
    )
    assert "tokens/s (with compiling and prompt)" in cut.err


def test_beams_are_those_of_the_library(lines, tiny, cli):
    source = open_model(tiny)
    ids = source.encode("the cat")
    padded, model, params = ids + [0] * (37 - len(ids)), *source.checkpoint[:2]
    found = jaxsample.beam(
        model, params, np.array([padded]), jaxsample.chain(), beams=3, max_new_tokens=11,
        lengths=np.array([len(ids)]), eos=source.eos,
        length_penalty=0.5, early_stopping=True, returned=2, record=RECORD,
    )  # fmt: skip
    flags = "--beams", "3", "--length-penalty", "0.5", "--early-stopping", "-n", "2"
    drawn = lines(*flags)
    for g, line in enumerate(drawn):
        assert tuple(line) == (*KEYS, "score") and line["seed"] is None
        assert line["tokens"] == np.asarray(found.tokens)[0, g, : found.lengths[0, g]].tolist()
        assert line["score"] == pytest.approx(float(found.scores[0, g]), abs=1e-5)
    assert drawn[0]["score"] >= drawn[1]["score"]
    run = cli("generate", *TEXT, "--model", tiny, *flags)
    assert run.out == "\n\n".join("the cat" + line["text"] for line in drawn) + "\n"
    assert run.err.startswith("chain(), the model as it is · tiny · --beams 3\n")


@pytest.mark.slow
@pytest.mark.parametrize("way", [("--beams", "3"), (*SEED, "--without-replacement")])
def test_a_stop_string_ends_texts_of_a_search(lines, way):
    word = lines(*way)[0]["text"].split()[1]
    (cut,) = lines(*way, "--stop", word)
    assert word not in cut["text"].split() and cut["finish_reason"] == "stop"


@pytest.mark.slow
def test_texts_without_replacement_differ(lines, cli, tiny):
    flags = *SEED, "--without-replacement", "-n", "6", "--max-new-tokens", "2", "--top-k"
    drawn = lines(*flags, "4")
    assert len({tuple(line["tokens"]) for line in drawn}) == 6
    for line in drawn:
        assert tuple(line) == (*KEYS, "logprob", "weight")
        assert line["logprob"] == pytest.approx(sum(line["logprobs"]), abs=1e-4)
    few = cli("generate", *TEXT, "--model", tiny, *flags, "1")
    assert few.status == 0 and "found 1 of 6 texts; there are no others" in few.err
    assert few.out.startswith("the cat ") and few.out.count("\n") == 1


NONSENSE = [
    (["--draft", "lookup", "--beams", "2"], ["--draft and --beams exclude each other"]),
    (["--beams", "2", "--without-replacement"], ["--beams and --without-replacement"]),
    (["--ahead", "2"], ["--ahead belongs to --draft"]),
    (["--ahead", "0", "--draft", "lookup"], ["--ahead"]),
    (["--length-penalty", "2"], ["--length-penalty belongs to --beams"]),
    (["--early-stopping"], ["--early-stopping belongs to --beams"]),
    (["--beams", "0"], ["--beams"]),
    (["--beams", "2", "-n", "3"], ["-n 3", "as many --beams, got 2"]),
    (["--beams", "2", "--seed", "1"], ["--seed does not go with --beams"]),
    (["--beams", "2", "--chain", "xtc=.1:.5"], ["key"]),
    (["--draft", "nowhere"], ["nowhere"]),
]


@pytest.mark.parametrize("flags, words", NONSENSE)
def test_flags_that_do_not_go_together(cli, tiny, flags, words):
    run = cli("generate", *TEXT, "--model", tiny, *flags)
    refused(run._replace(err=run.err.splitlines(keepends=True)[-1]), *words)


def test_a_draft_of_another_vocabulary_or_too_few_positions(cli, tiny, other):
    given = "generate", "the cat", "--model", tiny, *SEED, "--draft", other
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 16}))
    run = cli(*given, "--max-new-tokens", "30")
    refused(run._replace(err=run.err.splitlines(keepends=True)[-1]), "16 positions", "need 33")
    tokenizer = (other / "tokenizer.json").read_text()
    (other / "tokenizer.json").write_text(tokenizer.replace('"dog"', '"fox"'))
    run = cli(*given, "--max-new-tokens", "8")
    refused(run._replace(err=run.err.splitlines(keepends=True)[-1]), "--draft", "vocabulary")
