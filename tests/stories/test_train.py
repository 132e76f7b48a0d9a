"""Training lowers the loss, resumes after an interruption, and writes a folder that loads."""

import json

import jax
import numpy as np
import pytest

import jaxsample_models
from jaxsample_models import TransformerConfig
from jaxsample_models.stories import Grammar, expected, train

CALLS = 3


@pytest.fixture
def tiny(monkeypatch):
    def config(grammar):
        return TransformerConfig(grammar.vocab_size, 16, 1, 2, 1, 8, 16, 128)

    monkeypatch.setattr(train, "story_config", config)
    monkeypatch.setattr(train, "STEPS", 4)
    monkeypatch.setattr(train, "ROWS", 2)
    monkeypatch.setattr(train, "WARMUP", 2)
    monkeypatch.setattr(train, "SAVE_EVERY", 1)
    return int(CALLS * 8 * expected(Grammar(), lambda state: 1.0))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_interrupted_run_resumes(tiny, tmp_path, monkeypatch):
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
    whole = train.train(folders[0], tiny, 0, 1)
    draw = train.draw_batches

    def die(corpus, seed, call):
        if call == 2:
            raise KeyboardInterrupt
        return draw(corpus, seed, call)

    with monkeypatch.context() as patch:
        patch.setattr(train, "draw_batches", die)
        with pytest.raises(KeyboardInterrupt):
            train.train(folders[1], tiny, 0, 1)
    resumed = train.train(folders[1], tiny, 0, 1)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(resumed), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    reports = [json.loads((folder / "training.json").read_text()) for folder in folders]
    assert reports[0]["tokens"] == reports[1]["tokens"]
    losses = np.loadtxt(folders[0] / "loss.csv", delimiter=",")[:, 2]
    assert len(losses) == CALLS and losses[-1] < losses[0]

    train.export(tmp_path / "weights", whole)
    loaded = jaxsample_models.load(tmp_path / "weights")
    assert loaded.generation_config == {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    assert loaded.tokenizer.decode(loaded.tokenizer.encode("The end.").ids) == "The end."
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(loaded.params), strict=True):
        np.testing.assert_allclose(one, other, rtol=2**-10, atol=1e-6)
