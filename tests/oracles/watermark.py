"""Oracles of watermarks, given the coins of their hash."""

import numpy as np

from tests.oracles.common import settle, single

LEAST = 2.0**-80


def green_list(green, strength):
    """Raise the green tokens; `green` is `[V]` bool."""

    def oracle(row, nudge=0.0):
        row = settle(row)
        return np.where(green, row + single(strength), row)

    return oracle


def tournament(coins):
    """Play p <- p (1 + g - sum g p) once for each column of `coins` `[V, depth]`, in logarithms."""

    def oracle(row, nudge=0.0):
        row = settle(row)
        if np.isnan(row).any():
            return row
        below = row - row.max()
        log_p = below - np.log(np.exp(below).sum())
        change = np.zeros_like(row)
        for g in coins.T:
            losers = np.exp(log_p[~g]).sum()
            step = np.where(g, np.log1p(losers), np.log(np.clip(losers, LEAST, 1.0)))
            log_p, change = log_p + step, change + step
        return below + change

    return oracle


THREEFRY = (13, 15, 26, 6), (17, 29, 16, 24)


def threefry(key, block):
    """Threefry-2x32 with 20 rounds, in Python integers."""
    full = 2**32 - 1
    keys = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
    x, y = (block[0] + keys[0]) & full, (block[1] + keys[1]) & full
    for i in range(5):
        for by in THREEFRY[i % 2]:
            x = (x + y) & full
            y = ((y << by) | (y >> (32 - by))) & full
            y ^= x
        x, y = (x + keys[(i + 1) % 3]) & full, (y + keys[(i + 2) % 3] + i + 1) & full
    return x, y


def context_key(words, context):
    """Fold tokens into a key, beginning with the oldest."""
    for token in context:
        words = threefry(words, (0, int(token)))
    return words


def green(key, fraction, context, token):
    drawn = threefry(context_key((key >> 32, key % 2**32), context), (0, int(token)))[0]
    return (drawn >> 8) / 2**24 < single(fraction)


def coins(keys, context, token):
    words = [0, 0]
    for i, key in enumerate(keys):
        for j in range(2):
            words[j] ^= threefry((key, i), (0, j))[0] if key else 0
    words = context_key(tuple(words), context)
    drawn = [threefry(words, (stream, int(token)))[0] for stream in range(-(-len(keys) // 32))]
    return [bool(drawn[i // 32] >> (i % 32) & 1) for i in range(len(keys))]
