"""Hand-made stories: which errors end a reading, and which words count as facts."""

import math

import numpy as np
import pytest

from jaxsample_models.stories import BOS, EOS, Grammar, make_tokenizer, read

STORY = (
    "A quiet story. Once upon a time there was a boy named Ben. Ben lived in a cave by the "
    "mountain. By the mountain lived a brave blue rabbit named Muffin. Muffin the blue rabbit "
    "loved honey. One day Ben found a shiny lantern behind the fence. The lantern belonged to a "
    "librarian, who thanked him happily and gave the blue rabbit some honey. Now Muffin sleeps "
    "beside a little lantern and dreams of honey. The end."
)
TOKENS = 89  # <s> and </s> among them
FACTS = (
    13  # Ben, mountain, Muffin, blue, rabbit, Ben, lantern, him, blue, rabbit, honey, Muffin, honey
)


@pytest.fixture(scope="module")
def grammar():
    return Grammar()


@pytest.fixture(scope="module")
def ids(grammar):
    """Return a function from a text to its token ids, with `</s>` if the text has ended."""
    pytest.importorskip("tokenizers")
    tokenizer = make_tokenizer(grammar)

    def encode(text, ended=True):
        encoded = tokenizer.encode(text).ids
        assert tokenizer.token_to_id("<unk>") not in encoded
        return [*encoded, EOS] if ended else encoded

    return encode


def zipf(rank, count, exponent=1.8):
    return math.log(rank**-exponent / sum(r**-exponent for r in range(1, count + 1)))


def test_a_story(grammar, ids):
    found = read(grammar, ids(STORY))
    assert (found.accepted, found.read) == (True, 1.0)
    assert (found.facts, found.agreeing) == (FACTS, FACTS)


def test_the_likelihood_is_that_of_its_choices(grammar, ids):
    """Nine even choices, four turns of the plot, and eight words by Zipf's law of a quiet story."""
    even = [3, 2, 12, 12, 12, 12, 14, 16, 16]  # tone, child, name, home, place, color, animal, ...
    turns = [9 / 10, 6 / 7, 1 / 6, 1 / 3]  # titled, "One", "day", "Now"
    ranks = [(1, 32), (2, 64), (2, 48), (1, 128), (2, 48), (2, 32), (1, 48), (1, 128)]
    total = -sum(map(math.log, even)) + sum(map(math.log, turns)) + sum(zipf(*r) for r in ranks)
    found = read(grammar, ids(STORY))
    assert found.likelihood == pytest.approx(total / (TOKENS - 1), abs=1e-12)


def test_a_wrong_fact_does_not_end_the_reading(grammar, ids):
    """Later facts must repeat the original word, not the wrong one."""
    found = read(grammar, ids(STORY.replace("some honey", "some apples")))
    assert (found.accepted, found.read) == (False, 1.0)
    assert (found.facts, found.agreeing) == (FACTS, FACTS - 1)
    assert found.likelihood == pytest.approx(read(grammar, ids(STORY)).likelihood * 88 / 87)


@pytest.mark.parametrize("word", ["honey", "mountain", "blue", "Muffin", "rabbit"])
def test_a_wrong_word_that_is_repeated_agrees(grammar, ids, word):
    """A story with "fence" in place of every "honey" agrees with itself."""
    odd = "fence" if word != "Muffin" else "Ben"
    found = read(grammar, ids(STORY.replace(word, odd)))
    assert (found.accepted, found.read) == (False, 1.0)
    assert (found.facts, found.agreeing) == (FACTS, FACTS)


def test_a_wrong_word_that_is_not_repeated_disagrees(grammar, ids):
    found = read(grammar, ids(STORY.replace("loved honey", "loved lantern")))
    assert (found.read, found.facts, found.agreeing) == (1.0, FACTS, FACTS - 2)
    # The allowed word that the reader puts in its place does not agree either.
    found = read(
        grammar, ids(STORY.replace("honey", "apples").replace("loved apples", "loved cave"))
    )
    assert (found.read, found.facts, found.agreeing) == (1.0, FACTS, FACTS - 2)


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("Once upon a", "Once under a"),  # the template
        ("quiet story", "lovely story"),  # the tone, which the rest depends on
        ("a boy named", "a rabbit named"),
        ("One day Ben", "One mountain Ben"),  # a turn of the plot
        ("loved honey. One", "loved. One"),  # a missing word of a slot
        ("gave the blue rabbit", "gave the. rabbit"),  # and of a fact
    ],
)
def test_errors_that_end_a_reading(grammar, ids, right, wrong):
    text = STORY.replace(right, wrong)
    assert text != STORY
    same = next(i for i, (a, b) in enumerate(zip(ids(STORY), ids(text), strict=False)) if a != b)
    found = read(grammar, ids(text))
    assert not found.accepted
    assert found.read == same / len(ids(text))


def test_the_beginning_of_a_story_is_read_to_its_end(grammar, ids):
    begun = ids("A quiet story. Once upon a time there was a boy named Ben. Ben lived", ended=False)
    found = read(grammar, begun)
    assert (found.accepted, found.read, found.facts, found.agreeing) == (False, 1.0, 1, 1)
    ended = read(grammar, [*begun[:-2], EOS])  # at a fact
    assert (ended.read, ended.facts) == ((len(begun) - 2) / (len(begun) - 1), 0)


def test_tokens_after_the_end_are_not_read(grammar, ids):
    story = ids(STORY)
    found = read(grammar, story + story[1:])
    assert (found.accepted, found.facts) == (False, FACTS)
    assert found.read == TOKENS / (2 * TOKENS - 1)


def test_texts_that_are_no_story(grammar, ids):
    found = read(grammar, [BOS])
    assert found[:4] == (False, 1.0, 0, 0) and math.isnan(found.likelihood)
    assert read(grammar, [BOS, grammar.vocab_size]).read == 0.5
    with pytest.raises(ValueError, match="begins with <s>"):
        read(grammar, ids(STORY)[1:])


def test_every_story_reads_as_its_own_exact_likelihood(grammar):
    rng = np.random.default_rng(3)
    for _ in range(40):
        story = grammar.sample(rng)
        found = read(grammar, story)
        logs = [
            math.log(grammar.next_probs(state)[token])
            for state, token in zip(grammar.walk(story), story[1:], strict=False)
        ]
        assert found.accepted and found.read == 1.0 and found.facts == found.agreeing > 0
        assert found.likelihood == pytest.approx(np.mean(logs), abs=1e-12)
