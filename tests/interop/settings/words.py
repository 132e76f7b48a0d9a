"""A tokenizer of a few tokens, for settings that hold strings."""

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

TOKENS = ["</s>", "a", "b", "Ġ", "Ċ", ":", '"', "*", "Ġa", "ab", "Ċa", "a:", "c", "{", "}", "x"]
MERGES = [("Ġ", "a"), ("a", "b"), ("Ċ", "a"), ("a", ":")]
EOS = 0


def first_tokens(automaton):
    """Return the tokens with which the texts of an automaton begin."""
    following = np.asarray(automaton.table)[0, np.asarray(automaton.classes)]
    return np.flatnonzero(following >= 0).tolist()


def tokenizer():
    """Return a byte-level BPE, whose token of a line break is 4."""
    made = Tokenizer(models.BPE({token: i for i, token in enumerate(TOKENS)}, MERGES))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["</s>"])
    return made
