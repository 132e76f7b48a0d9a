"""The stored weights against a smaller sample of the measurements on their card.

The targets are a KL of at most 0.01 nats per token, 98.5% of facts right, and 80% of stories
accepted at temperature 1 and 92% at 0.7. A sample may miss a target by three standard errors.
"""

import jax
import pytest

import jaxsample_models
from jaxsample_models.stories import BOS, EOS, Grammar, expected
from jaxsample_models.stories._evaluate import judge, score, tell
from jaxsample_models.stories.card import WEIGHTS

pytestmark = pytest.mark.skipif(
    not (WEIGHTS / "model.safetensors").is_file(), reason="no weights in this checkout"
)


@pytest.fixture(scope="module")
def checkpoint():
    return jaxsample_models.embedded()


@pytest.fixture(scope="module")
def scores(checkpoint):
    return score(checkpoint, 128, seed=11)


def test_close_to_the_truth(scores):
    assert scores["all"].kl <= 0.01 + 3 * scores["all"].error


def test_facts_are_right(scores):
    grammar = Grammar()
    count = 128 * expected(grammar, lambda state: float(grammar.kind(state) == "fact"))
    assert scores["fact"].accuracy >= 0.985 - 3 * (0.985 * 0.015 / count) ** 0.5


@pytest.mark.parametrize(
    "temperature, share", [(1.0, 0.80), pytest.param(0.7, 0.92, marks=pytest.mark.slow)]
)
def test_stories_are_stories(checkpoint, temperature, share):
    told = judge(tell(checkpoint, jax.random.key(12), 128, temperature))
    assert told.share >= share - 3 * (share * (1 - share) / told.count) ** 0.5


def test_the_folder_is_complete(checkpoint):
    grammar = Grammar()
    assert checkpoint.config.vocab_size == grammar.vocab_size
    assert checkpoint.tokenizer.get_vocab_size() == grammar.vocab_size
    assert all(checkpoint.tokenizer.id_to_token(i) == t for i, t in enumerate(grammar.vocabulary))
    assert checkpoint.generation_config["bos_token_id"] == BOS
    assert checkpoint.generation_config["eos_token_id"] == EOS
    files = {f.name for f in WEIGHTS.iterdir()}
    assert {"README.md", "config.json", "generation_config.json", "model.safetensors"} <= files
    assert sum(f.stat().st_size for f in WEIGHTS.iterdir()) < 2_000_000
