"""The texts of the sums: their tokens, their slips, and the exact chance of a right answer."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Temperature, TopP, chain
from jaxsample.learn import Group
from jaxsample_models.arithmetic import (
    FORGOTTEN,
    LARGE,
    MISCOUNTED,
    PLAN_ODDS,
    PLANS,
    Corpus,
    answers,
    chances,
    draw_sums,
    kinds,
    make_tokenizer,
    pass_at_1,
    prompts,
    right,
    right_ones,
    right_text,
    solutions,
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


def test_the_right_solutions_hold_all_of_the_chance():
    """Under the exact distributions nothing is missed, and chances give pass_at_1."""
    truth, texts = Corpus().truth, right_ones(SUMS)
    tokenizer = make_tokenizer()
    flat = texts.reshape(-1, 7)
    odds = [dict(told(sums)) for sums in SUMS for _ in range(27)]
    logs = np.full(flat.shape, 0.0)
    for i, (tokens, of) in enumerate(zip(flat, odds, strict=True)):
        logs[i, 0] = np.log(max(of.get(tokenizer.decode(tokens), 0.0), 1e-30))
    np.testing.assert_allclose(chances(logs).right, pass_at_1(SUMS), rtol=1e-5)
    assert all(len(np.unique(some, axis=0)) == 27 for some in texts)
    assert truth.shape[-1] == make_tokenizer().get_vocab_size()


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
    assert [text for text in TEXTS if right_text(text, "14")] == ["left:85,14", "14", "85,14,"]
