"""Laws of the grammar: one state for each prefix, exact probabilities, and no other stories."""

import numpy as np
import pytest
from scipy import stats

from jaxsample_models.stories import KINDS, Grammar, expected, lengths
from jaxsample_models.stories._compiler import SPACE, compile_story
from jaxsample_models.stories._tables import OPEN, PICKS


@pytest.fixture(scope="module")
def grammar():
    return Grammar()


@pytest.fixture(scope="module")
def told(grammar):
    rng = np.random.default_rng(0)
    return [grammar.sample(rng) for _ in range(400)]


def words(grammar, story):
    return sum(grammar.vocabulary[t].strip(SPACE).isalpha() for t in story[1:-1])


def test_truth_is_a_distribution_that_allows_each_token(grammar, told):
    for story in told[:60]:
        for state, token in zip(grammar.walk(story), story[1:], strict=False):
            probs = grammar.next_probs(state)
            truth = grammar.distribution(state)
            assert probs.shape == (grammar.vocab_size,)
            assert probs.sum() == pytest.approx(1.0, abs=1e-12)
            assert probs[token] > 0
            entropy = stats.entropy(probs)
            assert truth.entropy == pytest.approx(entropy, abs=1e-9)
            assert grammar.kind(state) in KINDS


def test_a_prefix_has_one_state(grammar, told):
    """Each prefix has one reading, and states keep only what later tokens depend on."""
    seen = {}
    for story in told:
        for i, state in enumerate(grammar.walk(story)):
            assert seen.setdefault(tuple(story[: i + 1]), state) == state
    assert len(set(seen.values())) < len(seen)
    for node in (n for n in grammar._nodes if n.tokens):
        assert len(set(node.tokens)) == len(node.tokens)


def test_equal_states_have_equal_futures(grammar, told):
    """Stories that share a state may exchange their endings."""
    seen = {}
    for story in told[:100]:
        for i, state in enumerate(grammar.walk(story[:-1])):
            if state in seen:
                assert grammar.parse(story[: i + 1] + seen[state]).accepted
            seen[state] = story[i + 1 :]


def test_samples_parse(grammar, told):
    assert all(grammar.parse(story).accepted for story in told)


def test_a_wrong_fact_is_rejected_at_its_position(grammar, told):
    story = list(told[0])
    states = list(grammar.walk(story))
    facts = [i for i, s in enumerate(states[:-1]) if grammar.kind(s) == "fact"]
    for i in facts:
        wrong = story.copy()
        wrong[i + 1] = story[i + 1] + 1
        verdict = grammar.parse(wrong)
        assert not verdict.accepted
        assert verdict.position == i + 1
        assert "settled before" in verdict.reason


def test_other_rejections_say_why(grammar, told):
    story = told[0]
    assert "<s>" in grammar.parse(story[1:]).reason
    assert "before its end" in grammar.parse(story[:-1]).reason
    assert "after </s>" in grammar.parse([*story, story[-1]]).reason
    assert grammar.parse([*story[:3], 10**6]).position == 3
    assert not grammar.parse([]).accepted


def test_nothing_follows_the_end(grammar, told):
    *_, state = grammar.walk(told[0])
    assert grammar.is_end(state)
    with pytest.raises(ValueError, match="ended"):
        grammar.next_probs(state)
    with pytest.raises(ValueError, match="ended"):
        grammar.advance(state, 0)


@pytest.mark.parametrize("slot", ["tone", "color", "trait", "food", "thing", ""])
def test_draws_follow_the_truth(grammar, slot):
    """Test with chi-square the token at the first such slot, over stories that share its state."""
    rng = np.random.default_rng(1)
    counts = np.zeros(grammar.vocab_size)
    truth = None
    for _ in range(3000):
        for state, token in grammar.tell(rng):
            here = grammar.slot(state) == slot and len(grammar.distribution(state).tokens) > 1
            if here and truth is None:
                truth = grammar.distribution(state)
            if here and truth is grammar.distribution(state):
                counts[token] += 1
                break
    tokens = list(truth.tokens)
    assert counts.sum() == counts[tokens].sum()
    wanted = truth.probs * counts.sum()
    big = wanted >= 5
    got = [*counts[tokens][big], counts[tokens][~big].sum()]
    want = [*wanted[big], wanted[~big].sum()]
    if big.all():
        got, want = got[:-1], want[:-1]
    assert stats.chisquare(got, want).pvalue > 1e-4


@pytest.mark.parametrize("style", [0.4, 0.6, 1.6, 2.5])
def test_style_is_temperature_at_open_slots_only(grammar, told, style):
    shifted = Grammar(style)
    for story in told[:40]:
        pairs = zip(grammar.walk(story[:-1]), shifted.walk(story[:-1]), strict=True)
        for plain, other in pairs:
            want = grammar.next_probs(plain)
            if grammar.kind(plain) == "open":
                want = want**style / np.sum(want**style)
            np.testing.assert_allclose(shifted.next_probs(other), want, atol=1e-12)


def test_lengths(grammar, told):
    low, high = lengths(grammar)
    assert all(low <= len(story) <= high for story in told)
    assert all(50 <= words(grammar, story) <= 90 for story in told)
    mean = np.mean([len(story) for story in told])
    exact = 1 + expected(grammar, lambda state: 1.0)
    assert mean == pytest.approx(exact, abs=4 * np.std([len(s) for s in told]) / 20)


def test_expected_entropy_is_the_mean_over_stories(grammar, told):
    along = [
        sum(grammar.distribution(s).entropy for s in grammar.walk(story) if not grammar.is_end(s))
        for story in told
    ]
    exact = expected(grammar, lambda state: grammar.distribution(state).entropy)
    assert np.mean(along) == pytest.approx(exact, abs=4 * np.std(along) / 20)


def test_tables():
    for words in (*PICKS.values(), *OPEN.values()):
        assert len(set(words)) == len(words)
    assert all(32 <= len(words) <= 128 for words in OPEN.values())
    after_an_article = ("trait", "look", "thing", "home", "critter", "helper", "tone", "child")
    for name in after_an_article:
        for word in {**PICKS, **OPEN}[name]:
            assert word[0] not in "aeiou", word


def test_a_negative_style_is_refused():
    with pytest.raises(ValueError, match="-1"):
        Grammar(-1.0)


def test_compiler_refuses_what_it_cannot_tell_apart():
    with pytest.raises(ValueError, match="different words"):
        compile_story("a ( <food> | <thing> ) .")
    with pytest.raises(ValueError, match="no table"):
        compile_story("a <dinosaur> .")
