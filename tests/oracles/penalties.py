"""Oracles of penalties; `tokens` are the tokens that count."""

import numpy as np

from tests.oracles.common import settle, single
from tests.oracles.constraints import suppress


def _moved(change):
    """The oracle that replaces the finite logit l of token i by `change(i, l)`, in float32's range.

    Only a mask drops a token: what overflows float32 is its largest number.
    """

    def oracle(row, nudge=0.0):
        row = settle(row)
        high = float(np.finfo(np.float32).max)
        alive = np.isfinite(row)
        moved = [np.clip(change(i, v), -high, high) if a else v
                 for i, (v, a) in enumerate(zip(row, alive, strict=True))]  # fmt: skip
        return np.array(moved)

    return oracle


def _power(base, n):
    """Powers, limited to exp(60), about 1e26."""
    return np.exp(min(n * np.log(single(base)), 60.0))


def repetition(penalty, tokens):
    r = single(penalty)
    return _moved(lambda i, v: v if i not in tokens else v * r if v < 0 else v / r)


def frequency(strength, tokens):
    return _moved(lambda i, v: v - single(strength) * list(tokens).count(i))


def presence(strength, tokens):
    return _moved(lambda i, v: v - single(strength) * (i in tokens))


def no_repeat_ngram(n, tokens):
    tokens = list(tokens)
    suffix = tokens[len(tokens) - n + 1 :]
    banned = {tokens[i + n - 1] for i in range(len(tokens) - n + 1)
              if tokens[i : i + n - 1] == suffix}  # fmt: skip
    return suppress(banned)


def repeats(tokens, breakers=(), window=None):
    """The longest repetition that each token would continue, in tokens."""
    tokens = list(tokens)[-window:] if window else list(tokens)
    limit = len(tokens)
    for head in reversed(range(len(tokens))):
        sizes = [len(b) for b in breakers if tokens[head : head + len(b)] == list(b)]
        if sizes:
            limit = len(tokens) - head - max(sizes)
            break
    longest = {}
    for end in range(len(tokens) - 1):
        m = 0
        while m <= end and tokens[end - m] == tokens[-1 - m]:
            m += 1
        token = tokens[end + 1]
        longest[token] = max(longest.get(token, 0), min(m, limit))
    return {t: m for t, m in longest.items() if [t] not in [list(b) for b in breakers]}


def dry(multiplier, base, allowed_length, tokens, breakers=(), window=None):
    longest = repeats(tokens, breakers, window)

    def change(i, v):
        over = longest.get(i, -1) - allowed_length
        return v - single(multiplier) * _power(base, over) if over >= 0 else v

    return _moved(change)


def exponential_decay(start, factor, eos, n):
    growth = _power(factor, max(n - start, 0)) - 1
    return _moved(lambda i, v: v + abs(v) * growth if i in eos else v)
