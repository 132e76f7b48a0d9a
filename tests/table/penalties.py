"""Penalties after a history with repetitions."""

import jax
import numpy as np

from jaxsample import (
    DRY,
    ExponentialLengthDecay,
    FrequencyPenalty,
    NoRepeatNgram,
    PresencePenalty,
    Prompt,
    RepetitionPenalty,
)
from jaxsample.transforms.tokens._history import History
from tests.oracles import penalties as oracles
from tests.rows import V
from tests.table.case import ENTROPY, ULPS, Case

# It ends with 3 5 9 77, which occurs twice before; eight tokens follow the breaker 2.
TOKENS = [3, 5, 9, 77, 100, 64, 4, 4, 3, 5, 9, 77, 2, 130, 5, 9, 0, 3, 5, 9, 77]
PADDED = np.array(TOKENS + [7] * 6, np.int32)
COUNTS = np.bincount(TOKENS, minlength=V).astype(np.int32)
HISTORY = History(PADDED, np.int32(len(TOKENS)))
LAST = np.array(TOKENS[-8:], np.int32)
BREAKERS = [[4, 4], [2], [500, 1]]


def _dry(**fields):
    sampler = DRY(**fields)
    prompt = Prompt(PADDED, np.int32(len(TOKENS)), np.int32(6), V)
    state = jax.tree.map(np.asarray, jax.jit(lambda s: s.init(None, prompt))(sampler))
    return dict(sampler=sampler, state=state, kind="token", tolerance=ULPS)


SAME = dict(kind="token", tolerance=ULPS)
CASES = [
    *(Case(f"repetition-{r}", RepetitionPenalty(r), oracles.repetition(r, TOKENS),
           neutral=RepetitionPenalty(1.0), state=COUNTS, **SAME) for r in (1.3, 0.7, 100.0)),
    *(Case(f"frequency-{s}", FrequencyPenalty(s), oracles.frequency(s, TOKENS),
           neutral=FrequencyPenalty(0.0), state=COUNTS, **SAME) for s in (0.3, -1.5)),
    *(Case(f"presence-{s}", PresencePenalty(s, window=8), oracles.presence(s, LAST),
           neutral=PresencePenalty(0.0, window=8), state=LAST, **SAME) for s in (0.3, -1.5)),
    Case("ngram", NoRepeatNgram(3), oracles.no_repeat_ngram(3, TOKENS), state=HISTORY,
         kind="token"),
    Case("dry", oracle=oracles.dry(0.8, 1.75, 2, TOKENS, BREAKERS),
         neutral=DRY(0.0, breakers=BREAKERS), **_dry(multiplier=0.8, breakers=BREAKERS)),
    Case("dry-steep", oracle=oracles.dry(5.0, 100.0, 1, TOKENS, BREAKERS),
         **_dry(multiplier=5.0, base=100.0, allowed_length=1, breakers=BREAKERS)),
    *(Case(f"length_decay-{f}", ExponentialLengthDecay(3, f, [5, 77]),
           oracles.exponential_decay(3, f, [5, 77], 9), state=np.int32(9),
           neutral=ExponentialLengthDecay(3, 1.0, [5, 77]), kind="token", tolerance=ENTROPY)
      for f in (1.2, 0.5, 1e6)),
]  # fmt: skip
