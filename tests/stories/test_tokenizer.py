"""The tokenizer reads typed text and writes English."""

import re

import numpy as np
import pytest

from jaxsample.study import Source
from jaxsample_models import embedded
from jaxsample_models.stories import BOS, Grammar, make_tokenizer


@pytest.fixture(scope="module")
def grammar():
    return Grammar()


@pytest.fixture(scope="module")
def tokenizer(grammar):
    return make_tokenizer(grammar)


def test_round_trip(grammar, tokenizer):
    rng = np.random.default_rng(2)
    for _ in range(200):
        story = grammar.sample(rng)
        text = tokenizer.decode(story)
        assert tokenizer.encode(text).ids == story[:-1]
        assert not re.search(r" [.,!?]|[.,!?](?=\w)|  |^ | $", text)
        assert text.startswith(("A ", "Once ")) and text.endswith(" The end.")


def test_reads_as_expected(grammar, tokenizer):
    typed = 'A funny story. Once upon a time a girl named Lily said, "Try some honey."'
    assert tokenizer.decode(tokenizer.encode(typed).ids) == typed


@pytest.mark.parametrize("typed", ["Once upon a time", "A funny story", " A  funny\nstory. "])
def test_prompts_are_prefixes_of_stories(grammar, tokenizer, typed):
    ids = tokenizer.encode(typed).ids
    assert ids[0] == BOS
    assert len(list(grammar.walk(ids))) == len(ids)


def test_unknown_words(tokenizer):
    assert tokenizer.encode("A purplish story").tokens == ["<s>", "▁A", "<unk>", "▁story"]


def test_a_prompt_may_spell_the_unknown_token():
    """It is a token like the others, alone and among words."""
    source = Source("stories", embedded())
    assert source.encode("<unk>") == [BOS, 3]
    assert source.encode("<unk> <unk>") == [BOS, 3, 3]
    assert source.unknown("A <unk> purplish story") == ["purplish"]
    with pytest.raises(ValueError, match="has no token of the prompt 'purplish'"):
        source.encode("purplish")


def test_ids_are_the_vocabulary(grammar, tokenizer):
    assert tokenizer.get_vocab_size() == grammar.vocab_size
    assert all(tokenizer.id_to_token(i) == t for i, t in enumerate(grammar.vocabulary))
