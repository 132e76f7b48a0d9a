"""The arrays for training agree with the grammar at every token."""

import numpy as np

from jaxsample_models.stories import BOS, EOS, KINDS, PAD, Corpus, Grammar, lengths


def test_rows_hold_the_truth():
    grammar = Grammar()
    corpus = Corpus(grammar, lengths(grammar)[1] - 1)
    stories = corpus.draw(np.random.default_rng(3), 50)
    for tokens, rows, kinds in zip(*stories, strict=True):
        story = [t for t in tokens.tolist() if t != PAD]
        assert story[0] == BOS and story[-1] == EOS
        assert grammar.parse(story).accepted
        for t, state in enumerate(list(grammar.walk(story))[:-1]):
            np.testing.assert_allclose(corpus.truth[rows[t]], grammar.next_probs(state), atol=1e-7)
            np.testing.assert_allclose(
                corpus.entropy[rows[t]], grammar.distribution(state).entropy, rtol=1e-6
            )
            assert KINDS[kinds[t]] == grammar.kind(state)
        assert not rows[len(story) - 1 :].any()
        assert (kinds[len(story) - 1 :] == -1).all()
    assert not corpus.truth[0].any()
    sums = corpus.truth[1:].sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-6)


def test_a_seed_determines_the_stories():
    grammar = Grammar()
    corpus = Corpus(grammar, lengths(grammar)[1] - 1)
    one, two, other = (corpus.draw(np.random.default_rng(seed), 5) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.tokens, two.tokens)
    assert (one.tokens != other.tokens).any()
