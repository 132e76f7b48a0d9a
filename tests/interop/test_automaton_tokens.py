"""Automata over tokens, compared with slow loops, and the bytes of tokenizers."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from jaxsample.interop import from_json_schema, from_regex, vocabulary_of
from jaxsample.interop.automaton._determinise import determinise
from jaxsample.interop.automaton._regex import parse
from jaxsample.interop.automaton._utf8 import over_bytes
from tests.vocabularies import EOS, NESTED, VOCABULARY, Walker

jaxsample_models = pytest.importorskip("jaxsample_models")
tokenizers = pytest.importorskip("tokenizers")

LACKING = [None if word in (b"c", b"\xa9", b'"') else word for word in VOCABULARY]
CASES = [
    (r"(a|bc)*d?", VOCABULARY),
    (r"(ab|a|abc){2,9}c?", VOCABULARY),
    (r"[^\x00-\x1f]{0,3}|(true|false)é?", VOCABULARY),
    (r"(a|bc|xyz )*(é|ab)", LACKING),
    (r"(the| the|t|h){1,4}", LACKING),
]


def slow(pattern, vocabulary):
    """Return for each state the next state by token, and the distance to the end."""
    automaton = over_bytes(determinise(parse(pattern), 10_000))
    done = len(automaton.table)
    table = {done: {EOS: done}}
    for state in range(done):
        table[state] = {EOS: done} if automaton.accepts[state] else {}
        for token, word in enumerate(vocabulary):
            at = state
            for byte in word or b"":
                at = automaton.table[at, byte] if at >= 0 else -1
            if word and at >= 0:
                table[state][token] = int(at)
    distance, steps = {done: 0}, 0
    while True:
        steps += 1
        near = {
            s for s, row in table.items() if s not in distance and distance.keys() & {*row.values()}
        }
        if not near:
            return table, distance
        distance |= dict.fromkeys(near, steps)


@pytest.mark.parametrize("pattern, vocabulary", CASES)
def test_states_and_distances_equal_a_slow_loop(pattern, vocabulary):
    table, distance = slow(pattern, vocabulary)
    walker = Walker(from_regex(pattern, vocabulary, EOS))
    pairs, open_ = {0: 0}, [0]
    while open_:  # walk through both automata
        theirs = open_.pop()
        mine = pairs[theirs]
        assert walker.distance[mine] == distance[theirs]
        alive = {token: s for token, s in table[theirs].items() if s in distance}
        walker.state = mine
        assert set(np.flatnonzero(walker.allowed())) == set(alive)
        for token, following in alive.items():
            to = walker.table[mine, walker.classes[token]]
            if following not in pairs:
                pairs[following] = to
                open_.append(following)
            assert pairs[following] == to
    assert len(walker.table) == len(set(pairs.values())) == len(pairs), "no state is superfluous"
    assert len(np.unique(walker.table, axis=1).T) == walker.table.shape[1], "no class is"
    assert walker.distance[-1] == 0 and set(walker.table[-1]) <= {-1, len(walker.table) - 1}


def test_a_nested_schema_stays_small():
    automaton = from_json_schema(NESTED, VOCABULARY, EOS)
    states, classes = automaton.table.shape
    assert states < 4000 and classes < 100
    assert {leaf.dtype for leaf in (automaton.classes, automaton.table)} == {np.dtype("int32")}


def test_special_and_empty_tokens_are_never_allowed():
    walker = Walker(from_regex("[\\s\\S]*", VOCABULARY, EOS))
    never = [i for i, word in enumerate(VOCABULARY) if not word and i != EOS]
    assert len(never) == 2 and not walker.allowed()[never].any()


def test_several_eos_end_the_text():
    walker = Walker(from_regex("a", [b"a", b"b", None], eos=[1, 2]))
    np.testing.assert_array_equal(walker.allowed(), [True, False, False])
    walker.take(0)
    np.testing.assert_array_equal(walker.allowed(), [False, True, True])
    walker.take(2)
    np.testing.assert_array_equal(walker.allowed(), [False, True, True])


@pytest.mark.parametrize("eos", [[], -1, len(VOCABULARY)])
def test_eos_must_be_a_token(eos):
    with pytest.raises(ValueError, match="eos must be token ids"):
        from_regex("a", VOCABULARY, eos)


def test_a_vocabulary_that_cannot_write_the_language_is_an_error():
    with pytest.raises(ValueError, match="can be spelled with the vocabulary"):
        from_regex("cat", [b"c", b"a", None], 2)
    with pytest.raises(ValueError, match="no text matches"):
        from_regex("[^\\x00-\\U0010ffff]", VOCABULARY, EOS)


TEXTS = ["Once upon a time", ' {"a": [1, 2.5e3]}\n', "naïve €5 😀 \x00\x7f", "  two  spaces"]


def bpe(**options):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(**options))
    level = tokenizers.pre_tokenizers.ByteLevel
    tokenizer.pre_tokenizer = level(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<eos>"],
        initial_alphabet=level.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    tokenizer.add_tokens(["¡added€"])
    return tokenizer


def written(vocabulary, tokenizer, text):
    return b"".join(vocabulary[i] for i in tokenizer.encode(text, add_special_tokens=False).ids)


def test_byte_level_tokens_are_their_bytes():
    tokenizer = bpe()
    vocabulary = vocabulary_of(tokenizer, size=320)
    assert len(vocabulary) == 320 and vocabulary[0] is None and vocabulary[-1] is None
    assert vocabulary[tokenizer.token_to_id("¡added€")] == "¡added€".encode()
    for text in TEXTS:
        assert written(vocabulary, tokenizer, text) == text.encode()
    assert {bytes([i]) for i in range(256)} <= set(vocabulary)
    assert vocabulary_of(SimpleNamespace(backend_tokenizer=tokenizer), 320) == vocabulary


def test_spaces_and_byte_fallback_are_decoded(assets):
    tokenizer = tokenizers.Tokenizer.from_file(str(assets / "stories260K" / "tokenizer.json"))
    vocabulary = vocabulary_of(tokenizer)
    assert vocabulary[:4] == [None, None, None, b"\x00"]
    for text in TEXTS:
        assert written(vocabulary, tokenizer, text) == b" " + text.encode()


def test_the_story_tokenizer_has_a_token_a_word():
    tokenizer = jaxsample_models.embedded().tokenizer
    vocabulary = vocabulary_of(tokenizer)
    assert written(vocabulary, tokenizer, "A funny story.") == b" A funny story."
    special = [tokenizer.token_to_id(t) for t in ("<pad>", "<s>", "</s>", "<unk>")]
    assert [vocabulary[i] for i in special] == [None] * 4


def test_an_unknown_decoder_is_an_error():
    words = tokenizers.Tokenizer(tokenizers.models.WordPiece({"a": 0}, unk_token="a"))
    with pytest.raises(ValueError, match="no decoder"):
        vocabulary_of(words)
    words.decoder = tokenizers.decoders.WordPiece()
    with pytest.raises(ValueError, match="WordPiece"):
        vocabulary_of(words)
    with pytest.raises(ValueError, match="more than size 3"):
        vocabulary_of(bpe(), size=3)
    with pytest.raises(ValueError, match=r"tokenizers\.Tokenizer is needed, got dict"):
        vocabulary_of(json.loads("{}"))


def byte_level(*added):
    letters = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE({letter: i for i, letter in enumerate(sorted(letters))}, [])
    )
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_tokens(list(added))
    return tokenizer


def test_added_tokens_have_the_bytes_that_the_decoder_writes():
    """The letter č stands for a carriage return, which no JSON string may hold."""
    tokenizer = byte_level("čau", "日本")
    tokenizer.add_special_tokens(["<end>"])
    vocabulary = vocabulary_of(tokenizer)
    assert vocabulary[256:] == [b"\rau", "日本".encode(), None]
    assert tokenizer.decode([64, 256]).endswith("\rau")
    assert vocabulary_of(tokenizer, special=True)[258] == b"<end>"
    quote = vocabulary.index(b'"')
    walker = Walker(from_json_schema({"type": "string"}, vocabulary, 258))
    assert walker.take(quote)
    assert walker.allowed()[257] and not walker.allowed()[256]


def test_an_added_token_whose_bytes_are_not_known_is_never_allowed():
    tokenizer = byte_level()
    decoders = tokenizers.decoders
    tokenizer.decoder = decoders.Sequence([decoders.Strip(" ", 1, 0), decoders.Fuse()])
    tokenizer.add_tokens([" y", "zz"])
    vocabulary = vocabulary_of(tokenizer)
    assert vocabulary[256:] == [None, b"zz"], "the decoder strips the space of the first"
