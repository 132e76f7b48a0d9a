"""Oracles of biases and constraints; `tokens` is the history of prompt and output."""

import numpy as np

from tests.oracles.common import settle, single


def _masked(drop):
    """The oracle that drops the tokens for which `drop` is true."""

    def oracle(row, nudge=0.0):
        row = settle(row)
        return np.array([-np.inf if drop(i) else v for i, v in enumerate(row)])

    return oracle


def suppress(ids):
    return _masked(lambda i: i in ids)


def allow(ids):
    return _masked(lambda i: i not in ids)


def force(ids, n):
    free = n >= len(ids) or ids[n] < 0
    return _masked(lambda i: not free and i != ids[n])


def min_new_tokens(minimum, eos, n):
    return _masked(lambda i: n < minimum and i in eos)


def _completes(sequence, i, tokens):
    prefix = list(sequence[:-1])
    return sequence[-1] == i and list(tokens)[len(tokens) - len(prefix) :] == prefix


def bad_words(sequences, tokens):
    return _masked(lambda i: any(_completes(s, i, tokens) for s in sequences))


def logit_bias(bias):
    high = float(np.finfo(np.float32).max)

    def oracle(row, nudge=0.0):
        row, by = settle(row), np.array([single(b) for b in bias])
        total = np.where(row == -np.inf, row, row + by)
        return settle(
            np.where(np.isfinite(row) & np.isfinite(by), np.clip(total, -high, high), total)
        )

    return oracle


def sequence_bias(sequences, biases, tokens):
    def oracle(row, nudge=0.0):
        by = [sum(single(b) for s, b in zip(sequences, biases, strict=True)
                  if _completes(s, i, tokens)) for i in range(len(row))]  # fmt: skip
        return logit_bias(by)(row)

    return oracle
