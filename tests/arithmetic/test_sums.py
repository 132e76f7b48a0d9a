"""The texts of the sums: their tokens, their slips, and the exact chance of a right answer."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Temperature, TopP, chain
from jaxsample.learn import Group
from jaxsample_models.arithmetic import (
    EOS,
    FORGOTTEN,
    LARGE,
    MISCOUNTED,
    PLAN_ODDS,
    PLANS,
    Corpus,
    Tree,
    answers,
    branches,
    draw_sums,
    kinds,
    make_tokenizer,
    pass_at_1,
    prompts,
    right,
    right_ones,
    right_text,
    solutions,
    solved,
)


def told(sums):
    """Every solution of a sum of three numbers with its probability, by the rules on the card."""

    def column(x, y, carry):
        here = (x + y + carry) % 10
        if min(x, y) >= LARGE:
            return {here: 1 - FORGOTTEN, (here - 1) % 10: FORGOTTEN}
        half = MISCOUNTED / 2
        return {here: 1 - MISCOUNTED, (here - 1) % 10: half, (here + 1) % 10: half}

    def add(x, y):
        tens = column(x // 10, y // 10, x % 10 + y % 10 >= 10)
        units = column(x % 10, y % 10, 0)
        for (t, p), (u, q) in itertools.product(tens.items(), units.items()):
            yield 10 * t + u, p * q

    for odds, (plan, (i, j, k)) in zip(PLAN_ODDS, PLANS.items(), strict=True):
        for middle, p in add(sums[i], sums[j]):
            for last, q in add(middle, sums[k]):
                yield f"{plan}:{middle:02},{last:02}", odds * p * q


COMMA = 16
SUMS = np.array([[47, 38, 29], [77, 88, 99], [10, 10, 10], [70, 79, 11]])


def test_the_corpus_has_the_declared_slips():
    tokenizer, drawn = make_tokenizer(), Corpus().draw(np.random.default_rng(0), 400)
    truth = Corpus().truth
    for sums, tokens, rows in zip(drawn.sums[:50], drawn.tokens[:50], drawn.rows[:50], strict=True):
        chance = np.prod(truth[rows, tokens])
        assert chance == pytest.approx(dict(told(sums))[tokenizer.decode(tokens)], rel=1e-5)
    np.testing.assert_array_equal(kinds(drawn.sums, drawn.tokens), drawn.kinds)
    # The plan has three outcomes, so 400 draws are within 4 standard errors of its odds.
    share = np.mean(drawn.tokens[:, 0] == solutions(0, 0, 0)[0])
    assert share == pytest.approx(PLAN_ODDS[0], abs=4 * 0.018)


def test_a_text_reads_as_the_documentation_says():
    tokenizer = make_tokenizer()
    assert tokenizer.decode(prompts(SUMS)[0]) == "47+38+29="
    assert tokenizer.encode("47+38+29=").ids == prompts(SUMS)[0].tolist()
    assert tokenizer.decode(solutions(np.array(2), 76, 14)) == "outer:76,14"


def test_pass_at_1_sums_over_all_solutions():
    for sums, exact in zip(SUMS, pass_at_1(SUMS), strict=True):
        hits = [p for text, p in told(sums) if int(text[-2:]) == sum(sums) % 100]
        assert exact == pytest.approx(sum(hits), rel=1e-6)


def test_pass_at_1_is_the_share_of_right_answers():
    drawn = Corpus().draw(np.random.default_rng(1), 20_000)
    solved = answers(drawn.sums) == (drawn.tokens[:, 4:6] - 4) @ [10, 1]
    apart = solved - pass_at_1(drawn.sums)  # of mean 0, whichever sums were drawn
    assert abs(np.mean(apart)) <= 4 * np.std(apart) / len(apart) ** 0.5


def test_cold_is_right_except_in_large_columns_and_hot_varies():
    cold, plain, hot = (
        np.mean(pass_at_1(draw_sums(np.random.default_rng(2), 500), Temperature(t)))
        for t in (0.1, 1.0, 2.0)
    )
    assert cold > plain > hot
    greedy = pass_at_1(SUMS, Temperature(0.0))
    np.testing.assert_allclose(greedy, [0, 0, 1, 0], atol=1e-6)
    cut = chain(Temperature(1.0), TopP(0.85))  # keeps the first plan and the likeliest digits
    np.testing.assert_allclose(pass_at_1(SUMS, cut), greedy, atol=1e-6)


def next_odds(prefix, of):
    """Return next-token probabilities after a prefix, given the probability of every text."""
    size = len(prefix)
    odds = np.zeros(make_tokenizer().get_vocab_size())
    for tokens, p in of.items():
        if tokens[:size] == prefix:
            odds[tokens[size]] += p
    # The model never reaches other prefixes, so anything will do there.
    return odds / odds.sum() if odds.sum() > 0 else np.eye(len(odds))[COMMA]


def test_the_tree_of_the_texts_gives_their_exact_chance():
    """The exact distributions miss nothing; a stray token in place of a plan is missed."""
    encode, texts = make_tokenizer().encode, right_ones(SUMS)
    assert all(len(np.unique(some, axis=0)) == 300 for some in texts)
    rows = []
    for sums, some in zip(SUMS, texts.tolist(), strict=True):
        of = {(*encode(text).ids[1:], EOS): 0.0 for text, _ in told(sums)}
        for text, p in told(sums):
            of[(*encode(text).ids[1:], EOS)] += p
        prefixes = [tuple(text[:i]) for text in some for i in range(7)]
        known = {prefix: next_odds(prefix, of) for prefix in set(prefixes)}
        rows.append([known[prefix] for prefix in prefixes])
        assert len(known) == 1234
    odds = branches(np.reshape(rows, (len(SUMS), 300, 7, -1)))
    assert odds.shape[1] == 1234
    logits = np.log(np.maximum(odds, 1e-30)).astype(np.float32)
    hidden = np.zeros((*odds.shape[:2], 1), np.float32)
    found = solved(Tree(texts, logits, hidden), chain())
    np.testing.assert_allclose(found.right, pass_at_1(SUMS), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.missed, 0, atol=1e-5)
    logits[:, 0, COMMA] = logits[:, 0].max(axis=-1)
    strayed = solved(Tree(texts, logits, hidden), chain()).missed
    np.testing.assert_allclose(strayed, PLAN_ODDS[0] / (1 + PLAN_ODDS[0]), rtol=1e-4)


def test_held_out_sums_are_apart_and_a_tenth():
    rng = np.random.default_rng(3)
    seen, held = ({tuple(s) for s in draw_sums(rng, 3000, apart)} for apart in (False, True))
    assert not seen & held
    assert min(min(s) for s in seen | held) >= 10
    assert len(held) > 2900  # hardly any sum comes twice


TEXTS = [
    "left:85,14",
    "left:85,15",
    "left:85,4",
    "left:",
    "14",
    "85,14,",
    "left:14,8+",
    ",,",
    "0014",
]


def test_the_two_rewards_agree():
    encode = make_tokenizer().encode
    width = max(len(encode(text).ids) for text in TEXTS)
    compiled = jax.jit(right)

    def padded(text, junk):
        ids = encode(text).ids[1:]
        return ids + [junk] * (width - len(ids)), len(ids)

    for wanted in ("left:85,14", "14", "5", "0014"):
        for junk in (0, 5):  # padding past the end is not read, even if it is a digit
            tokens, lengths = zip(*(padded(text, junk) for text in TEXTS), strict=True)
            arrays = (jnp.array(x) for x in (tokens, lengths, *padded(wanted, junk)))
            group = Group(*arrays, prompt=jnp.zeros(1), prompt_length=1)
            assert compiled(group).tolist() == [right_text(text, wanted) for text in TEXTS]
    # Decoding leaves out a special token inside of a number, and so does the reward.
    split, wanted = [17, 5, 0, 8, 2], jnp.array([5, 8])
    group = Group(jnp.array([split]), jnp.array([5]), wanted, 2, jnp.zeros(1), 1)
    assert compiled(group).tolist() == [right_text(make_tokenizer().decode(split), "14")] == [1]
    assert [text for text in TEXTS if right_text(text, "14")] == ["left:85,14", "14", "85,14,"]
