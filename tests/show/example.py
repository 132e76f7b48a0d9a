"""Rows and texts made by hand, so that nothing is compiled for them."""

import numpy as np

from jaxsample import Generation, Temperature, TopK, TopP
from jaxsample.show import Explanation, Stage, probabilities

LOGITS = 3 * np.random.default_rng(0).normal(size=40)


def row(names=None):
    """A row after a temperature and two filters, as numpy computes them."""
    warm = LOGITS / 1.7
    eight = np.where(warm >= np.sort(warm)[-8], warm, -np.inf)
    probs = probabilities(eight)
    above = np.array([probs[probs > p].sum() for p in probs])
    nucleus = np.where(above < 0.9, eight, -np.inf)
    rows = LOGITS, warm, eight, nucleus
    members = Temperature(1.7), TopK(8), TopP(0.9)
    found = [Stage(t, rows[i], rows[i + 1]) for i, t in enumerate(members)]
    tokens = np.argsort(-LOGITS)[:12]
    return Explanation(LOGITS, found, tokens, names or [str(token) for token in tokens])


def made(tokens, lengths=None, invalid=None, invalid_logits=None, **records):
    """A generation of these tokens."""
    tokens = np.asarray(tokens, np.int32)
    none = np.zeros(tokens.shape[:-1], bool)
    lengths = np.full(none.shape, tokens.shape[-1]) if lengths is None else np.asarray(lengths)
    fields = dict.fromkeys(Generation._fields) | {"tokens": tokens, "lengths": lengths} | records
    fields["invalid"] = none if invalid is None else np.asarray(invalid)
    fields["invalid_logits"] = none if invalid_logits is None else np.asarray(invalid_logits)
    return Generation(**fields)


def tokenizer():
    """A token for each byte, and one that ends a text."""
    import tokenizers

    level = tokenizers.pre_tokenizers.ByteLevel
    letters = {letter: i for i, letter in enumerate(sorted(level.alphabet()))}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(letters, []))
    made.pre_tokenizer = level(add_prefix_space=False, use_regex=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens(["<end>"])
    return made
