"""Watermarks through the decode loop, and the test that finds them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxsample import (
    Model,
    ModelOutput,
    Prompt,
    SynthID,
    Temperature,
    TopP,
    Watermark,
    chain,
    detect,
    generate,
    score,
    stack,
    transform,
)
from jaxsample.transforms.watermark.binomial import upper_tail
from tests.decode.models import TABLE, TABLE_PARAMS, V, slow
from tests.oracles import watermark as oracles
from tests.statistics import FALSE_ALARM, p_value

KEY = jax.random.key(5)
PROMPTS = np.array([[3, 1, 4, 1], [5, 9, 0, 0], [2, 6, 5, 0], [8, 0, 0, 0]], np.int32)
LENGTHS = np.array([4, 2, 3, 1], np.int32)
DEPTH = 20
KINDS = {
    "green list": lambda i: Watermark(2**33 + i, 0.25, 2.5, width=2),
    "synthid": lambda i: SynthID(np.arange(1, DEPTH + 1) + 1000 * i, width=2),
}
ROWS, N = 200, 100


@functools.cache
def texts(kind):
    """Marked texts under a key each, and what `detect` needs of them."""
    marks = stack([KINDS[kind](i) for i in range(ROWS)])
    prompts = np.arange(3 * ROWS).reshape(ROWS, 3) % V
    got = generate(
        KEY, TABLE, TABLE_PARAMS, prompts, marks, max_new_tokens=N, sampler_axes=0,
        record=("entropy",),
    )  # fmt: skip
    return marks, prompts, np.asarray(got.tokens), np.asarray(got.entropy)


@functools.cache
def unmarked():
    prompts = np.arange(3 * ROWS).reshape(ROWS, 3) % V
    got = generate(KEY, TABLE, TABLE_PARAMS, prompts, chain(), max_new_tokens=N)
    return np.asarray(got.tokens)


def found(marks, tokens, *args):
    return jax.vmap(detect)(marks, jnp.asarray(tokens), *args)


@pytest.mark.parametrize("kind", KINDS)
def test_generate_equals_a_python_loop(kind):
    """Rows of a batch under keys of their own; one has room for five tokens."""
    marks = [chain(Temperature(1.1), TopP(0.95), KINDS[kind](i)) for i in range(4)]
    budget = np.array([16, 16, 5, 16])
    got = generate(
        KEY, TABLE, TABLE_PARAMS, PROMPTS, stack(marks), max_new_tokens=16, lengths=LENGTHS,
        max_length=40, eos=(7, 30), budget=budget, pad=59, sampler_axes=0,
    )  # fmt: skip
    for b in range(4):
        tokens, logprobs, _ = slow(
            jax.random.fold_in(KEY, b), TABLE_PARAMS, PROMPTS[b, : LENGTHS[b]], marks[b],
            count=16, max_length=40, budget=int(budget[b]), eos=(7, 30),
        )  # fmt: skip
        n = len(tokens)
        assert got.lengths[b] == n
        np.testing.assert_array_equal(got.tokens[b], tokens + [59] * (16 - n))
        # Two ways of summing 61 exponentials in float32.
        np.testing.assert_allclose(got.logprobs[b, :n], logprobs, atol=1e-5)
    assert got.lengths[2] <= 5
    again = score(
        TABLE, TABLE_PARAMS, PROMPTS, got.tokens, stack(marks), lengths=LENGTHS,
        token_lengths=got.lengths, sampler_axes=0,
    )  # fmt: skip
    np.testing.assert_allclose(again.logprobs, got.logprobs, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_marked_texts_are_found(kind):
    """At least 95 of 100 texts with 80 tokens above 1 nat, at a false alarm in 100."""
    marks, prompts, tokens, entropy = texts(kind)
    rich = (entropy > 1).sum(1) >= 80
    assert rich.sum() > 150
    got = found(marks, tokens, jnp.asarray(prompts))
    assert np.mean(np.asarray(got.p_value)[rich] <= 0.01) >= 0.95
    whole = np.asarray(got.scored)
    # Cut at the front, and without the prompt: `width` tokens lose their context.
    got = found(marks, tokens[:, 10:])
    assert np.mean(np.asarray(got.p_value)[rich] <= 0.01) >= 0.95
    assert (np.asarray(got.scored) < whole).all()


@pytest.mark.parametrize("kind", KINDS)
def test_texts_without_the_mark_are_not_found(kind):
    """Neither plain texts nor texts under another's key: as many p-values <= a as a allows."""
    marks, _, tokens, _ = texts(kind)
    other = jax.tree.map(lambda leaf: np.roll(leaf, 1, axis=0), marks)
    plain = found(marks, unmarked()).p_value
    wrong = found(other, tokens).p_value
    # A text that says the same three words again and again has few coins, each scored once.
    cycles = (np.arange(ROWS)[:, None] + np.arange(N) % 3) % V
    stuck = found(marks, cycles)
    assert (np.asarray(stuck.scored) <= 3 * DEPTH).all()
    for p in (plain, wrong, stuck.p_value):
        p = np.asarray(p, np.float64)
        for level in (0.01, 0.05, 0.2, 0.5):
            assert stats.binom.sf((p <= level).sum() - 1, ROWS, level) > FALSE_ALARM
    # p-values of counts that are not few are nearly uniform.
    assert stats.kstest(plain, "uniform").pvalue > FALSE_ALARM


def test_counts_and_p_value_of_a_green_list():
    mark = Watermark(7, 0.25, width=2)
    text = np.random.default_rng(0).integers(0, 9, 120)
    pairs = {(text[i - 2], text[i - 1], text[i]) for i in range(2, 120)}
    green = sum(oracles.green(7, 0.25, gram[:2], gram[2]) for gram in pairs)
    got = detect(mark, text)
    assert (int(got.green), int(got.scored)) == (green, len(pairs))
    n = len(pairs)
    np.testing.assert_allclose(
        got.score, (green - n / 4) / np.sqrt(n * 3 / 16), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(got.p_value, stats.binom.sf(green - 1, n, 0.25), rtol=1e-3)


def test_counts_and_p_value_of_a_tournament():
    keys = [5, 0, 7]
    text = np.random.default_rng(0).integers(0, 9, 120)
    first = {}
    for i in range(2, 120):
        first.setdefault((text[i - 2], text[i - 1]), text[i])
    green = sum(sum(oracles.coins(keys, c, t)[i] for i in (0, 2)) for c, t in first.items())
    got = detect(SynthID(keys, width=2), text)
    assert (int(got.green), int(got.scored)) == (green, 2 * len(first))
    np.testing.assert_allclose(
        got.p_value, stats.binom.sf(green - 1, 2 * len(first), 0.5), rtol=1e-3
    )


@pytest.mark.parametrize("kind", KINDS)
def test_prompt_and_padding(kind):
    mark = chain(TopP(0.9), KINDS[kind](3))
    text = np.random.default_rng(1).integers(0, V, 40)
    plain = detect(mark, text)
    padded = detect(mark, np.concatenate([text, np.zeros(7, int)]), length=40)
    jax.tree.map(np.testing.assert_array_equal, padded, plain)
    # With the last tokens of the prompt every token has a context, with less of it fewer have.
    rounds = DEPTH if kind == "synthid" else 1
    for prompt, scored in (([1, 2, 3, 4], 40), ([4], 39), ([], 38), (None, 38)):
        assert detect(mark, text, prompt).scored == scored * rounds
    jax.tree.map(
        np.testing.assert_array_equal, detect(mark, text, [9, 9, 3, 4]), detect(mark, text, [3, 4])
    )
    for short in ([], [3], [3, 4]):
        got = detect(mark, short)
        assert (got.score, got.p_value, got.green, got.scored) == (0, 1, 0, 0)
    off = (
        detect(Watermark(1, 0.0), text),
        detect(Watermark(1, 1.0), text),
        detect(SynthID([0]), text),
    )
    for got in off:
        assert got.score == 0 and got.p_value == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: detect(TopP(0.5), [1, 2]),
        lambda: detect(chain(Watermark(1), SynthID([2])), [1, 2]),
        lambda: detect(Watermark(1), np.zeros((2, 3), int)),
        lambda: detect(Watermark(1), [0.5]),
        lambda: detect(Watermark(1), [1], prompt=np.zeros((1, 1), int)),
    ],
)
def test_nonsense_raises(call):
    with pytest.raises(ValueError, match="Watermark|token ids"):
        call()


def test_the_upper_tail_of_a_binomial():
    tail = jax.jit(jax.vmap(upper_tail))
    for n in (1, 15, 16, 80, 2400, 120_000):
        for chance in (0.0, 0.25, 0.5, 0.999, 1.0):
            near = n * chance + np.linspace(-6, 12, 60) * np.sqrt(n * chance * (1 - chance))
            hits = np.clip(np.round([0, *near, n]), 0, n)
            full = np.full_like(hits, n)
            got = np.asarray(tail(*map(np.float32, (hits, full, np.full_like(hits, chance)))))
            expected = stats.binom.sf(hits - 1, n, np.float64(np.float32(chance)))
            # Below float32's range a p-value is 0.
            np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-36)


@transform
class Forgetful(SynthID):
    """Marks a context every time it comes up."""

    def update(self, state, logits, token, hidden=None):
        after = super().update(state, logits, token, hidden)
        return after._replace(seen=jnp.zeros_like(after.seen))


def _one_row(row, tokens, positions, cache):
    return ModelOutput(jnp.broadcast_to(row, (*tokens.shape, row.shape[0])), None, cache)


@pytest.mark.parametrize("kind", [SynthID, Forgetful])
def test_whole_texts_are_undistorted_only_because_contexts_mark_once(kind, monkeypatch):
    """Over keys, texts follow the model: a context that marked twice would tie its two tokens."""
    monkeypatch.setattr(SynthID, "history", 8)
    p = np.array([0.5, 0.3, 0.2])
    rows, n = 20_000, 5
    keys = np.random.default_rng(3).integers(1, 2**32, (rows, 3))
    got = generate(
        KEY, Model(TABLE.init_cache, _one_row), jnp.log(jnp.asarray(p, jnp.float32)),
        np.zeros((rows, 1), int), kind(keys, width=1), max_new_tokens=n, sampler_axes=0,
    )  # fmt: skip
    texts = np.asarray(got.tokens) @ 3 ** np.arange(n)
    value = p_value(texts, functools.reduce(np.kron, [p] * n))
    assert value > FALSE_ALARM if kind is SynthID else value < 1e-12


def test_a_prompt_is_context():
    mark = Watermark(7, 0.5, 100.0, width=2)
    tokens = generate(KEY, TABLE, TABLE_PARAMS, PROMPTS[:1], mark, max_new_tokens=12).tokens[0]
    got = detect(mark, tokens, PROMPTS[0])
    assert got.green == got.scored >= 10
    state = mark.init(None, Prompt.of(PROMPTS[0], V, 1))
    np.testing.assert_array_equal(state.tokens, PROMPTS[0, -2:])
