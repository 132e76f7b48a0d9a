"""Biases and constraints."""

import numpy as np

from jaxsample import Allow, BadWords, ForceTokens, LogitBias, MinNewTokens, SequenceBias, Suppress
from tests.oracles import constraints as oracles
from tests.rows import V
from tests.table.case import ULPS, Case

TOKENS = [3, 5, 9]
RECENT = np.array([5, 9], np.int32)
BIAS = np.round(np.random.default_rng(4).standard_normal(V), 2).astype(np.float32)
FEW = np.where(np.arange(V) == 5, -np.inf, np.where(np.arange(V) % 2 == 0, 0.0, BIAS))
SEQUENCES = [[64], [9, 10], [5, 9, 11], [5, 5, 12], [3, 9, 13], [11], [0, 500], [500, 0]]
BIASES = [0.5, -0.25, 2.0, 4.0, 4.0, -1.0, 4.0, 4.0]
# Rows with few tokens keep some of these.
KEPT = [9, 77, 3, 100, 0, 1, 2, 64]
DROPPED = [0, 5, 64, 130]
MASK = dict(kind="token")

CASES = [
    Case("logit_bias", LogitBias(BIAS), oracles.logit_bias(BIAS), kind="token", tolerance=ULPS,
         neutral=LogitBias(np.zeros(V))),
    Case("logit_bias-few", LogitBias(FEW), oracles.logit_bias(FEW), kind="token", tolerance=ULPS),
    Case("sequence_bias", SequenceBias(SEQUENCES, BIASES),
         oracles.sequence_bias(SEQUENCES, BIASES, TOKENS), kind="token", tolerance=ULPS,
         state=RECENT, neutral=SequenceBias(SEQUENCES, np.zeros(8))),
    Case("bad_words", BadWords(SEQUENCES), oracles.bad_words(SEQUENCES, TOKENS), state=RECENT,
         neutral=BadWords(np.full((8, 3), -1)), **MASK),
    Case("suppress", Suppress(DROPPED), oracles.suppress(DROPPED), **MASK,
         neutral=Suppress(np.full(4, -1))),
    Case("suppress-empties", Suppress([9, 77, 500, 500]), oracles.suppress([9, 77]), **MASK),
    Case("allow", Allow(KEPT), oracles.allow(KEPT), neutral=Allow(np.full(8, -1)), **MASK),
    Case("force", ForceTokens([5, 9, -1]), oracles.force([5, 9, -1], 1), state=np.int32(1),
         neutral=ForceTokens([-1, -1, -1]), **MASK),
    Case("force-free", ForceTokens([5, 500, 9]), oracles.force([5, -1, 9], 1), state=np.int32(1),
         **MASK),
    Case("min_new_tokens", MinNewTokens(3, DROPPED), oracles.min_new_tokens(3, DROPPED, 2),
         state=np.int32(2), neutral=MinNewTokens(0, DROPPED), **MASK),
]  # fmt: skip
