"""Decoding with watermarks, and their detection."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxsample import (
    Prompt,
    SynthID,
    Temperature,
    TopP,
    Watermark,
    chain,
    detect,
    draw,
    generate,
    stack,
    transform,
)
from jaxsample.transforms.watermark._binomial import upper_tail
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


@jax.jit
def written(marks, keys, prompts):
    """Return a text and the model's entropies for each row, from a simple loop."""

    def row(mark, key, prompt):
        state = mark.init(None, Prompt(prompt, jnp.int32(3), jnp.int32(N), V))

        def one(carry, n):
            state, last = carry
            logits = TABLE_PARAMS[last]
            token = draw(jax.random.fold_in(key, n), mark(logits, state))
            logp = jax.nn.log_softmax(logits)
            state = mark.update(state, logits, token)
            return (state, token), (token, -jnp.sum(jnp.exp(logp) * logp))

        return jax.lax.scan(one, (state, prompt[2]), jnp.arange(N))[1]

    return jax.vmap(row)(marks, keys, prompts)


@functools.cache
def texts(kind):
    """Return marks, texts with them, the entropies of these, and texts without a mark."""
    marks = stack([KINDS[kind](i) for i in range(ROWS)])
    prompts = jnp.arange(3 * ROWS).reshape(ROWS, 3) % V
    keys = jax.random.split(KEY, ROWS)
    tokens, entropy = written(marks, keys, prompts)
    plain, _ = written(jax.tree.map(jnp.zeros_like, marks), keys, prompts)
    return marks, np.asarray(tokens), np.asarray(entropy), np.asarray(plain)


@jax.jit
@jax.vmap
def found(mark, tokens, length):
    return detect(mark, tokens, length=length)


FULL = np.full(ROWS, N)


def test_generate_equals_a_python_loop():
    """Each row of the batch has its own secret key; one has a budget of five tokens."""
    marks = [chain(Temperature(1.1), KINDS["green list"](i), KINDS["synthid"](i)) for i in range(4)]
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
        # The two programs sum 61 exponentials in float32 in different orders.
        np.testing.assert_allclose(got.logprobs[b, :n], logprobs, atol=1e-5)
    assert got.lengths[2] <= 5


@pytest.mark.parametrize("kind", KINDS)
def test_marked_texts_are_found(kind):
    """At p <= 0.01, at least 95% of texts with 80 tokens above 1 nat are found."""
    marks, tokens, entropy, _ = texts(kind)
    rich = (entropy > 1).sum(1) >= 80
    assert rich.sum() > 150
    got = found(marks, tokens, FULL)
    assert np.mean(np.asarray(got.p_value)[rich] <= 0.01) >= 0.95
    cut = found(marks, np.roll(tokens, -10, axis=1), FULL - 10)
    assert np.mean(np.asarray(cut.p_value)[rich] <= 0.01) >= 0.95
    assert (np.asarray(cut.scored) < np.asarray(got.scored)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_texts_without_the_mark_are_not_found(kind):
    """Texts without a mark, or with another key, have at most a share a of p-values <= a."""
    marks, tokens, _, unmarked = texts(kind)
    other = jax.tree.map(lambda leaf: np.roll(leaf, 1, axis=0), marks)
    plain = found(marks, unmarked, FULL).p_value
    wrong = found(other, tokens, FULL).p_value
    # A text that repeats three words has few different coins, and each is scored once.
    cycles = (np.arange(ROWS)[:, None] + np.arange(N) % 3) % V
    stuck = found(marks, cycles, FULL)
    assert (np.asarray(stuck.scored) <= 3 * DEPTH).all()
    for p in (plain, wrong, stuck.p_value):
        p = np.asarray(p, np.float64)
        for level in (0.01, 0.05, 0.2, 0.5):
            assert stats.binom.sf((p <= level).sum() - 1, ROWS, level) > FALSE_ALARM
    # With many counts, p-values are nearly uniform.
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


def test_prompt_and_padding():
    mark = chain(TopP(0.9), KINDS["green list"](3))
    text = np.random.default_rng(1).integers(0, V, 40)
    plain = detect(mark, text)
    padded = detect(mark, np.concatenate([text, np.zeros(7, int)]), length=40)
    jax.tree.map(np.testing.assert_array_equal, padded, plain)
    # Tokens at the start of the text have a context only if the prompt is given.
    whole = detect(mark, text, [9, 9, 3, 4])
    assert whole.scored == 40
    jax.tree.map(np.testing.assert_array_equal, whole, detect(mark, text, [3, 4]))
    assert detect(mark, text, [4]).scored == 39
    assert detect(mark, text, []).scored == plain.scored == 38


@pytest.mark.parametrize(
    "mark", [Watermark(1, 0.0, width=2), Watermark(1, 1.0, width=2), SynthID([0, 0, 0], width=2)]
)
def test_without_coins_there_is_nothing_to_find(mark):
    got = detect(mark, np.random.default_rng(0).integers(0, 9, 120))
    assert (got.score, got.p_value) == (0, 1)


def test_a_text_shorter_than_a_context_says_nothing():
    assert detect(Watermark(1, width=2), []) == (0, 1, 0, 0)
    assert detect(Watermark(1, width=2), np.arange(120), length=2) == (0, 1, 0, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: detect(TopP(0.5), [1, 2]),
        lambda: detect(chain(Watermark(1), SynthID([2])), [1, 2]),
        lambda: detect(stack([Watermark(1), Watermark(2)]), [1, 2]),
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
            # A p-value below the range of float32 is 0.
            np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-36)


@transform
class Forgetful(SynthID):
    """Marks a context every time it occurs, not only the first time."""

    def update(self, state, logits, token, hidden=None):
        after = super().update(state, logits, token, hidden)
        return after._replace(seen=jnp.zeros_like(after.seen))


@pytest.mark.parametrize("kind", [SynthID, Forgetful])
def test_whole_texts_are_undistorted_only_because_contexts_mark_once(kind, monkeypatch):
    """Averaged over keys, texts follow the model only if each context marks once."""
    monkeypatch.setattr(SynthID, "history", 8)
    p = np.array([0.5, 0.3, 0.2])
    logits, n = jnp.log(jnp.asarray(p, jnp.float32)), 5

    @jax.jit
    @jax.vmap
    def text(key):
        mark = kind(jax.random.bits(jax.random.fold_in(key, n), (3,)), width=1)

        def one(state, i):
            token = draw(jax.random.fold_in(key, i), mark(logits, state))
            return mark.update(state, logits, token), token

        return jax.lax.scan(one, mark.init(None, Prompt.of([0], 3, n)), jnp.arange(n))[1]

    texts = np.asarray(text(jax.random.split(KEY, 20_000))) @ 3 ** np.arange(n)
    value = p_value(texts, functools.reduce(np.kron, [p] * n))
    assert value > FALSE_ALARM if kind is SynthID else value < 1e-12
