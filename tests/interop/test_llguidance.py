"""Masks of llguidance as a transform: the texts, their distribution, and where it works."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    Model,
    ModelOutput,
    Prompt,
    Temperature,
    chain,
    generate,
    sample,
    score,
    stack,
    stream,
)
from tests.statistics import FALSE_ALARM, p_value

llguidance = pytest.importorskip("llguidance", reason="llguidance is not installed")

from jaxsample.interop import llguidance as ours  # noqa: E402

WORDS = [b"(", b")", b"x", b"+", b"((", b"x+", b"))", b"1", b"<eos>", b"<pad>"]
V, EOS = len(WORDS), WORDS.index(b"<eos>")
NESTED = 'start: item ("+" item)*\nitem: "(" start ")" | "x"'
ROWS, STEPS = 6, 24


class Words:
    """The words as a tokenizer, which reads every byte as its own token."""

    tokens, eos_token_id, bos_token_id, special_token_ids = WORDS, EOS, None, [EOS, V - 1]

    def __call__(self, text):
        text = text.encode() if isinstance(text, str) else text
        return [WORDS.index(bytes([byte])) for byte in text if bytes([byte]) in WORDS]


def grammars():
    return ours.Grammars(llguidance.LLTokenizer(llguidance.TokenizerWrapper(Words()), slices=[]))


SHARED = grammars()
BRACKETS = SHARED.of(NESTED)
TABLE = jax.random.normal(jax.random.key(0), (V, V)).at[:, [1, 6, EOS]].add(1.5)
MODEL = Model(lambda batch, room: (), lambda table, t, _, cache: ModelOutput(table[t], None, cache))
REST = Temperature(0.9)
GIVEN = dict(max_new_tokens=STEPS, eos=EOS)


def drawn(key, sampler, **options):
    prompts = jnp.full((ROWS, 1), 2)
    return generate(jax.random.key(key), MODEL, TABLE, prompts, sampler, **GIVEN, **options)


def texts(out):
    rows = zip(out.tokens.tolist(), out.lengths.tolist(), strict=True)
    rows = [tokens[:n] for tokens, n in rows]
    return [(b"".join(WORDS[t] for t in row if t != EOS), row[-1] == EOS) for row in rows]


def nested(text, whole):
    """Whether a text is in `NESTED`, or begins one of it; this does not ask llguidance."""
    depth, item = 0, False
    for byte in text.decode():
        if byte in "(x":
            if item:
                return False
            depth, item = depth + (byte == "("), byte == "x"
        else:
            if not item or (byte == ")" and not depth):
                return False
            depth, item = depth - (byte == ")"), byte == ")"
    return not whole or (item and not depth)


def test_every_text_is_in_the_grammar():
    found = [text for key in range(4) for text in texts(drawn(key, chain(BRACKETS, REST)))]
    assert sum(whole for _, whole in found) > len(found) / 2, "some texts end before their budget"
    assert max(text.count(b"(") for text, _ in found) > 2, "and they are nested"
    assert all(nested(*text) for text in found)


@pytest.mark.parametrize("before", [[], [0, 2], [0, 2, 1]], ids=["start", "(x", "(x)"])
def test_draws_follow_the_masked_distribution(before):
    """Tokens of 20,000 keys against softmax of the logits that the grammar allows."""
    logits = jnp.asarray(np.random.default_rng(1).normal(size=V), jnp.float32)
    matcher = llguidance.LLMatcher(SHARED.tokenizer, NESTED)
    assert matcher.consume_tokens(before)
    allowed = [matcher.validate_tokens([token]) == 1 for token in range(V)]
    assert 2 <= sum(allowed) < V
    state = BRACKETS.init(None, Prompt.of([0], V, 8))
    for token in before:
        state = BRACKETS.update(state, logits, jnp.int32(token))
    keys = jax.random.split(jax.random.key(2), 20_000)
    tokens = jax.vmap(sample, in_axes=(0, None, None, None))(keys, logits, BRACKETS, state)
    probs = np.where(allowed, np.exp(np.asarray(logits, np.float64)), 0)
    assert p_value(np.asarray(tokens), probs) > FALSE_ALARM


def test_equal_keys_give_equal_tokens_whatever_was_asked_before():
    sampler = chain(BRACKETS, REST)
    first = drawn(5, sampler)
    drawn(6, sampler)
    np.testing.assert_array_equal(drawn(5, sampler).tokens, first.tokens)


def test_matchers_that_were_dropped_are_made_again(monkeypatch):
    expected = drawn(5, chain(BRACKETS, REST)).tokens
    monkeypatch.setattr(ours, "KEPT", 0)
    monkeypatch.setattr(ours.Grammars, "_after", forgetful(ours.Grammars._after))
    np.testing.assert_array_equal(drawn(5, chain(BRACKETS, REST)).tokens, expected)


def forgetful(after):
    def anew(self, number, tokens):
        self._recent.clear()
        return after(self, number, tokens)

    return anew


@pytest.mark.slow
def test_a_stream_and_a_score_agree_with_generate():
    sampler = chain(BRACKETS, REST)
    out = drawn(7, sampler)
    prompts = jnp.full((ROWS, 1), 2)
    parts = stream(jax.random.key(7), MODEL, TABLE, prompts, sampler, chunk=8, **GIVEN)
    np.testing.assert_array_equal(jnp.concatenate([p.tokens for p in parts], 1), out.tokens)
    again = score(MODEL, TABLE, prompts, out.tokens, sampler, token_lengths=out.lengths)
    # The records are float32 sums in another order.
    np.testing.assert_allclose(again.logprobs, out.logprobs, atol=1e-5)
    wrong = out.tokens.at[:, 0].set(WORDS.index(b")"))
    refused = score(MODEL, TABLE, prompts, wrong, sampler, token_lengths=out.lengths)
    assert jnp.all(refused.logprobs[:, 0] == -jnp.inf)


def test_rows_have_their_own_grammars_in_one_program():
    traces = []

    def apply(table, tokens, positions, cache):
        traces.append(0)
        return ModelOutput(table[tokens], None, cache)

    model = Model(lambda batch, room: (), apply)
    shared = grammars()
    ones, exes = (shared.of(f"start: /{letter}{{1,4}}/") for letter in "1x")
    run = functools.partial(generate, jax.random.key(0), model, TABLE, jnp.full((2, 1), 2), **GIVEN)
    found = texts(run(sampler=chain(stack([ones, exes]), REST), sampler_axes=(0, None)))
    assert [set(text) for text, _ in found] == [{ord("1")}, {ord("x")}]
    before = len(traces)
    found = texts(run(sampler=chain(stack([exes, exes]), REST), sampler_axes=(0, None)))
    assert [set(text) for text, _ in found] == [{ord("x")}, {ord("x")}]
    assert len(traces) == before, "another grammar needs no other program"


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="llguidance refuses the grammar: .*nothing"):
        SHARED.of("start: nothing")
    with pytest.raises(ValueError, match=r"tokenizer of 10 tokens, the row has \[12\]; .*n_vocab"):
        BRACKETS(jnp.zeros(12))
    with pytest.raises(ValueError, match="Grammar needs a prompt"):
        BRACKETS.update(BRACKETS.init(None, None), jnp.zeros(V), 0)
    with pytest.raises(Exception, match="llguidance stopped: .*not a text"):
        broken()(jnp.zeros(V)).block_until_ready()


def broken():
    """A grammar whose tokenizer fails when llguidance asks it for the tokens of a text."""

    class Failing(Words):
        def __call__(self, text):
            raise TypeError("not a text")

    wrapper = llguidance.TokenizerWrapper(Failing())
    return ours.Grammars(llguidance.LLTokenizer(wrapper, slices=[])).of("start: /x{1,4}/")
