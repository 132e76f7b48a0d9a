"""Comparisons of samplers with state with llama.cpp: penalties, feedback, and a whole chain."""

import numpy as np

from jaxsample import (
    DRY,
    XTC,
    AdaptiveP,
    DynamicTemperature,
    FrequencyPenalty,
    MinP,
    Mirostat,
    PresencePenalty,
    RepetitionPenalty,
    TopK,
    TopP,
    Typical,
    chain,
)
from tests.oracles import adaptive, filters, penalties, truncation
from tests.oracles.common import compose, probabilities
from tests.peers.agreement import ROWS, SMOOTH, Comparison, R, close, kept, torn
from tests.peers.llama_cpp_chain import Samplers, dry
from tests.peers.llama_cpp_comparisons import TIES, per_row, temp_ext

N, P = 24, 7  # tokens of a history, and those of its prompt
BREAKERS = ((5,), (0, 3), (2, 2, 1), (2, 2))
PACKED = np.array([[5, -1, -1], [0, 3, -1], [2, 2, 1], [2, 2, -1]], np.int32)
NONE = np.zeros((0, 1), np.int32)
INT_K = "version 1 keeps int(k) tokens, at least one; the authors and we round(k) + 1"
D7 = "D7: mu follows the surprise among what was kept; ours, the authors', that of the whole row"


def penalties_and_repetitions():
    """Yield penalties with windows shorter and longer than the history."""
    rng = np.random.default_rng(41)
    words = rng.integers(0, 12, (R, N))
    for window in (8, 64):
        r, f, p = per_row(rng, 0.7, 1.8, 1), per_row(rng, -1, 1, 0), per_row(rng, -1, 1, 0)

        def theirs(i, r=r, f=f, p=p, window=window):
            def make(llama):
                return [llama.llama_sampler_init_penalties(len(ROWS[i]), window, r[i], f[i], p[i])]

            return after(make, i, words[i])

        ours = chain(
            RepetitionPenalty(r, window=window),
            FrequencyPenalty(f, window=window),
            PresencePenalty(p, window=window),
        )
        yield Comparison(f"penalties, window {window}", ours, theirs, start=P)
    loops = rng.integers(0, 4, (R, N))
    loops = np.where(rng.random((R, N)) < 0.07, 5, loops)
    for name, breakers, packed in (("", (), NONE), (", breakers", BREAKERS, PACKED)):
        for window in (16, 64):  # of a history of 24
            m, b = per_row(rng, 0, 2, 0), per_row(rng, 1, 2, 1)
            allowed = rng.integers(0, 5, R).astype(np.int32)

            def theirs(i, m=m, b=b, allowed=allowed, window=window, breakers=breakers):
                def make(llama):
                    return [dry(m[i], b[i], int(allowed[i]), window, breakers)]

                return after(make, i, loops[i])

            table = np.broadcast_to(packed, (R, *packed.shape))
            ours = DRY(m, b, allowed, table, window=window)
            yield Comparison(f"DRY, window {window}{name}", ours, theirs, start=P)


def after(make, i, history):
    with Samplers(make) as samplers:
        samplers.accept(*history)
        return samplers(ROWS[i]).logits, tuple(history)


def steered():
    """Yield samplers that follow their own draws, at the first token and at later ones."""
    rng = np.random.default_rng(43)
    mu, eta = per_row(rng, -1, 9), per_row(rng, 0.05, 1)

    def second(llama, i):
        return llama.llama_sampler_init_mirostat_v2(i, mu[i] / 2, eta[i])

    def first(llama, i):
        return llama.llama_sampler_init_mirostat(ROWS.shape[1], i, mu[i] / 2, eta[i], 100)

    def among_kept(i, mine, other):
        # mu follows the surprise of the drawn token among the kept ones; then one step with it.
        row, token = ROWS[i], drawn(second, 2, i)[1][1]
        q = probabilities(drawn(second, 1, i)[0])
        follows = mu[i] - eta[i] * (-np.log2(q[token]) - mu[i] / 2)
        expected = adaptive.mirostat_2(follows)
        moved = any((kept(expected(row, e)) == kept(other)).all() for e in (-1e-4, 0.0, 1e-4))
        return close(mine, other) and (moved or torn(i, expected(row), other))

    yield Comparison(
        "Mirostat 2",
        Mirostat(mu / 2, eta),
        lambda i: drawn(second, 1, i),
        lambda i: (adaptive.mirostat_2(mu[i]),),
        {TIES: torn},
    )
    yield Comparison(
        "Mirostat 2, second token",
        Mirostat(mu / 2, eta),
        lambda i: drawn(second, 2, i),
        lambda i: (adaptive.mirostat_2(mu[i]),),
        {TIES: torn, D7: among_kept},
    )
    yield Comparison(
        "Mirostat 1",
        Mirostat(mu / 2, eta, 1),
        lambda i: drawn(first, 1, i, kept(ROWS[i])),
        lambda i: (adaptive.mirostat_1(mu[i]), int_k(mu[i])),
        {
            TIES: torn,
            INT_K: lambda i, mine, other: (
                close(mine, other) and same_count(int_k(mu[i])(ROWS[i]), other)
            ),
        },
    )
    target, decay = per_row(rng, 0, 1, 0, 1), per_row(rng, 0, 0.99, 0)
    for count, name in ((1, "first"), (4, "fourth")):
        yield Comparison(
            f"AdaptiveP, {name} token",
            AdaptiveP(target, decay),
            lambda i, n=count: drawn(
                lambda llama, i: llama.llama_sampler_init_adaptive_p(target[i], decay[i], i), n, i
            ),
        )


def drawn(make, count, i, present=None):
    """Return the result of row i at the last of `count` draws, with the tokens drawn before."""
    history = [0]
    with Samplers(lambda llama: [make(llama, i)]) as samplers:
        for _ in range(count - 1):
            history.append(int(samplers(ROWS[i], present).token))
            samplers.accept(history[-1])
        return samplers(ROWS[i], present).logits, tuple(history)


def zipf_k(row, mu):
    """Return k of Mirostat's first version in float64; inf or NaN where it has none."""
    p = np.sort(probabilities(row)[kept(row)])[::-1]
    with np.errstate(all="ignore"):
        b, t = np.log(p[:-1] / p[1:]), np.log1p(1 / np.arange(1, len(p)))
        s = (t @ b) / (t @ t)
        return (((s - 1) * 2.0**mu) / (1 - float(len(row)) ** (1 - s))) ** (1 / s)


def int_k(mu):
    """Return the oracle that keeps the int(k) likeliest tokens, at least one."""

    def oracle(row, nudge=0.0):
        k = zipf_k(row, mu) * (1 + 10 * nudge)  # a power's error is its exponent's, times ln k
        count = max(int(min(k, len(row))), 1) if np.isfinite(k) else 1
        rank = np.argsort(np.argsort(-row, kind="stable"), kind="stable")
        return np.where((rank < count) & kept(row), row, -np.inf)

    return oracle


def same_count(expected, other):
    """Return whether two rows keep the same values; its sort chooses among tied tokens."""
    a, b = (np.sort(row[kept(row)]) for row in (expected, other))
    return len(a) == len(b) and (a == b).all()


def whole_chain():
    """Return a comparison of all samplers in llama.cpp's default order."""
    rng = np.random.default_rng(47)

    def of(low, high):
        return per_row(rng, low, high)

    words = rng.integers(0, 4, (R, N))
    r, f, s = of(1, 1.5), of(0, 0.3), of(0, 0.5)
    m, b, allowed = of(0.2, 1), of(1.1, 2), rng.integers(1, 4, R).astype(np.int32)
    k, q, p = rng.integers(10, 60, R).astype(np.int32), of(0.7, 1), of(0.7, 1)
    low, x, cold, hot, e = of(0.001, 0.1), of(0.05, 0.4), of(0.3, 1), of(1, 2), of(0.5, 2)
    ours = chain(
        RepetitionPenalty(r, window=64),
        FrequencyPenalty(f, window=64),
        PresencePenalty(s, window=64),
        DRY(m, b, allowed, np.broadcast_to(NONE, (R, *NONE.shape)), window=64),
        TopK(k),
        Typical(q),
        TopP(p),
        MinP(low),
        XTC(x, np.ones(R)),
        DynamicTemperature(cold, hot, e),
    )

    def theirs(i):
        def make(llama):
            return [
                llama.llama_sampler_init_penalties(SMOOTH.shape[1], 64, r[i], f[i], s[i]),
                dry(m[i], b[i], int(allowed[i]), 64),
                llama.llama_sampler_init_top_k(int(k[i])),
                llama.llama_sampler_init_typical(q[i], 0),
                llama.llama_sampler_init_top_p(p[i], 0),
                llama.llama_sampler_init_min_p(low[i], 0),
                llama.llama_sampler_init_xtc(1.0, x[i], 0, 1),
                temp_ext(llama, cold[i], hot[i], e[i]),
            ]

        with Samplers(make) as samplers:
            samplers.accept(*words[i])
            return samplers(SMOOTH[i]).logits, tuple(words[i])

    def oracle(i):
        said = list(words[i])
        return compose(
            penalties.repetition(r[i], said),
            penalties.frequency(f[i], said),
            penalties.presence(s[i], said),
            penalties.dry(m[i], b[i], allowed[i], said),
            truncation.top_k(k[i]),
            filters.typical(q[i]),
            truncation.top_p(p[i]),
            truncation.min_p(low[i]),
            filters.xtc(x[i], True),
        )

    return Comparison("a whole chain", ours, theirs, lambda i: (oracle(i),), rows=SMOOTH, start=P)
