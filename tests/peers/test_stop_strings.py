"""Stop strings against the criterion of transformers, on texts in random spellings."""

import numpy as np
import pytest

from jaxsample.interop import stop_strings, vocabulary_of

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

TEXTS = [
    "User: hello there\nAssistant: hi, how are you?\n\n",
    "the end. The End! ###\n",
    "aab abba ",
]


def trained():
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=["<|end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    return tokenizer


def spelling(text, by_text, rng):
    """Return token ids whose texts join to `text`, each token chosen at random."""
    ids = []
    while text:
        fits = [n for n in range(1, 12) if text[:n] in by_text]
        n = int(rng.choice(fits))
        ids.append(by_text[text[:n]])
        text = text[n:]
    return ids


def test_rows_end_where_those_of_transformers_end():
    """200 cases of one to three strings, in ASCII: theirs finds no character split by tokens."""
    tokenizer = trained()
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    vocabulary = vocabulary_of(tokenizer, special=True)
    by_text = {v.decode("ascii"): i for i, v in enumerate(vocabulary) if v.isascii()}
    rng, ended = np.random.default_rng(0), 0
    for _ in range(200):
        text = "".join(rng.choice([*TEXTS, "<|end|>", *"ab \n"], rng.integers(2, 9)))
        strings = []
        for _ in range(rng.integers(1, 4)):
            at = rng.integers(0, len(text))
            strings.append(text[at : at + rng.integers(1, 9)])
        if rng.random() < 0.3:
            strings = [s + "zq" for s in strings]  # they never occur
        ids = spelling(text, by_text, rng)
        stop = stop_strings(strings, vocabulary)
        table, classes, state, ours = np.asarray(stop.table), np.asarray(stop.classes), 0, None
        for n, token in enumerate(ids, 1):
            state = table[state, classes[token]]
            if state == 1:
                ours = n
                break
        criterion = transformers.StopStringCriteria(theirs, strings)
        fires = (
            n for n in range(1, len(ids) + 1) if bool(criterion(torch.tensor([ids[:n]]), None)[0])
        )
        expected = next(fires, None)
        assert ours == expected, (strings, [vocabulary[i] for i in ids])
        ended += expected is not None
    assert 100 < ended < 200
