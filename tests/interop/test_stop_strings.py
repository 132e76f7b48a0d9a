"""Stop strings, compared with a search in the bytes that the tokens spell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsample
from jaxsample.interop import from_generation_config, generate_arguments, stop_strings
from tests.vocabularies import VOCABULARY

WORDS = [b"a", b"b", b"ab", b"ba", b"aab", b"bbab", b"\xc3", b"\xa9", b"c\xc3", b"", None]


def first_end(tokens, strings, vocabulary):
    """The number of tokens after which the text first holds a string."""
    text = b""
    for n, token in enumerate(tokens, 1):
        # The byte ff stands in no string: a token without bytes ends what was begun.
        text += b"\xff" if vocabulary[token] is None else vocabulary[token]
        if any(s.encode() in text for s in strings):
            return n
    return None


def walked(stop, tokens):
    table, classes, state = np.asarray(stop.table), np.asarray(stop.classes), 0
    for n, token in enumerate(tokens, 1):
        state = table[state, classes[token]]
        if state == 1:
            return n
    return None


@pytest.mark.parametrize("seed", range(4))
def test_the_automaton_finds_what_a_search_finds(seed):
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(60):
        strings = ["".join(rng.choice(list("abcé"), rng.integers(1, 6))) for _ in range(3)]
        stop = stop_strings(strings, WORDS)
        for _ in range(5):
            tokens = rng.integers(0, len(WORDS), 30)
            expected = first_end(tokens, strings, WORDS)
            found += expected is not None
            assert walked(stop, tokens) == expected, (strings, tokens)
    assert found > 50


def copying(vocab_size):
    """A model that draws a fixed text: its parameters are the tokens."""

    def apply(params, tokens, positions, cache):
        following = jnp.take(params, jnp.clip(positions, 0), mode="clip")
        return jaxsample.ModelOutput(jax.nn.one_hot(following, vocab_size) * 90.0, None, cache)

    return jaxsample.Model(lambda batch, max_length: (), apply)


MODEL = copying(len(VOCABULARY))


def drawn(text, **options):
    prompt = jnp.array([[ord("x")]])
    tokens = jnp.array(list(text.encode()))
    sampler = jaxsample.TopK(1)
    options = {"max_new_tokens": 12, **options}
    return jaxsample.generate(jax.random.key(0), MODEL, tokens, prompt, sampler, **options)


def spelled(out):
    return b"".join(VOCABULARY[t] for t in out.tokens[0][: int(out.lengths[0])].tolist()).decode()


def test_generate_ends_with_the_token_that_completes_a_string():
    stop = stop_strings(["no", "é"], VOCABULARY)
    assert spelled(drawn("one two née", stop=stop)) == "one two né"
    assert spelled(drawn("one too now", stop=stop)) == "one too no"


def test_a_string_half_written_is_found_by_resume_and_stream():
    stop = stop_strings("two", VOCABULARY)
    half = drawn("one two three", stop=stop, max_new_tokens=6, max_length=20)
    assert spelled(half) == "one tw"
    params = jnp.array(list(b"one two three"))
    options = dict(max_new_tokens=6, stop=stop)
    rest = jaxsample.resume(MODEL, params, half.decoding, jaxsample.TopK(1), **options)
    assert spelled(rest) == "o"
    # With other strings, only the output from here on counts.
    other = stop_strings(["wo", "th"], VOCABULARY)
    options["stop"] = other
    rest = jaxsample.resume(MODEL, params, half.decoding, jaxsample.TopK(1), **options)
    assert spelled(rest) == "o th"
    parts = jaxsample.stream(
        jax.random.key(0),
        MODEL,
        params,
        jnp.array([[5]]),
        jaxsample.TopK(1),
        max_new_tokens=12,
        stop=stop,
        chunk=3,
    )
    assert "".join(map(spelled, parts)) == "one two"


def test_strings_of_similar_length_share_a_program():
    sizes = {stop_strings(s, VOCABULARY).table.shape for s in ("ab", "two", ["x", "yz"], "é")}
    assert len(sizes) == 1


@pytest.mark.parametrize("wrong", ["", [], [""], ["a", 3], 5])
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValueError, match="stop strings"):
        stop_strings(wrong, VOCABULARY)


def test_another_vocabulary_is_refused():
    with pytest.raises(ValueError, match="pass its number of tokens to vocabulary_of"):
        drawn("abc", stop=stop_strings("a", VOCABULARY[:9]))


def test_a_generation_config_may_hold_strings():
    config = {"stop_strings": ["ab", "cé"], "do_sample": True, "top_p": 0.5}
    assert "TopP(p=0.5)" in repr(from_generation_config(config))
    stop = generate_arguments(config, VOCABULARY)["stop"]
    assert int(stop.mark) == int(stop_strings(["ab", "cé"], VOCABULARY).mark)
    with pytest.raises(ValueError, match="stop_strings needs vocabulary"):
        generate_arguments(config)
