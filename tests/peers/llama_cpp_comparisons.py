"""Comparisons of filters and temperatures with llama.cpp, with settings for each row.

Masked tokens stay among its candidates at -inf, as after a bias or top-n-sigma. If that makes a
difference, the disagreement has a name, and it vanishes without these candidates.
"""

import functools

import numpy as np

from jaxsample import (
    XTC,
    DynamicTemperature,
    LogitBias,
    MinP,
    Temperature,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    chain,
)
from tests.oracles import adaptive, filters, temperature, truncation
from tests.oracles.common import compose, probabilities
from tests.peers.agreement import ROWS, Comparison, R, V, kept, same, torn
from tests.peers.llama_cpp_chain import Samplers, logit_bias

TIES = "ties: it sorts and cuts inside a tie, we keep all of it"
D4 = "D4: temperature 0 keeps its first maximum, we keep all of them"
D6 = "D6: a probability of 0 makes its entropy NaN, and typical keeps any tokens"
MASKED = "its n counts masked tokens, ours those that are left"


def per_row(rng, low, high, *edges):
    """Return settings for every row between two bounds, some of them one of `edges`."""
    values = rng.uniform(low, high, R)
    for edge in edges:
        values[rng.random(R) < 0.03] = edge
    return values.astype(np.float32)


def applied(make, row, present=None):
    """Return llama.cpp's result for a row without a history."""
    with Samplers(make) as samplers:
        return samplers(row, present).logits


def stateless(name, ours, make, oracle, named=None):
    """Return a comparison without a history.

    `make(llama, i)` returns samplers, `oracle(i)` the oracle with the edges of the row. The values
    of `named` are functions of (make, i, mine, other).
    """

    def theirs(i):
        return applied(functools.partial(make, i=i), ROWS[i]), (0,)

    named = {n: functools.partial(explains, make) for n, explains in (named or {}).items()}
    return Comparison(name, ours, theirs, lambda i: (oracle(i),), named)


def of_ties(make, i, mine, other):
    return torn(i, mine, other)


def first_maximum(make, i, mine, other):
    return torn(i, mine, other) and np.flatnonzero(kept(other)) == [np.argmax(ROWS[i])]


def agrees_without_them(make, i, mine, other):
    """Return whether it agrees without the candidates whose float32 probability is 0."""
    possible = np.exp(ROWS[i] - ROWS[i].max()) > 0
    if possible.all():
        return False
    again = applied(functools.partial(make, i=i), ROWS[i], possible)
    return same(mine, again) or torn(i, mine, again)


def filters_of_one_row():
    """Yield the filters, which depend on the row alone."""
    rng = np.random.default_rng(31)
    k = rng.integers(1, V + 8, R).astype(np.int32)
    yield stateless(
        "TopK",
        TopK(k),
        lambda llama, i: [llama.llama_sampler_init_top_k(int(k[i]))],
        lambda i: truncation.top_k(k[i]),
        {TIES: of_ties},
    )
    p = per_row(rng, 0, 1, 0, 1)
    yield stateless(
        "TopP",
        TopP(p),
        lambda llama, i: [llama.llama_sampler_init_top_p(p[i], 0)],
        lambda i: truncation.top_p(p[i]),
        {TIES: of_ties},
    )
    m = per_row(rng, 0, 0.5, 0, 1)
    yield stateless(
        "MinP",
        MinP(m),
        lambda llama, i: [llama.llama_sampler_init_min_p(m[i], 0)],
        lambda i: truncation.min_p(m[i]),
    )
    q = per_row(rng, 0, 1, 0, 1)
    yield stateless(
        "Typical",
        Typical(q),
        lambda llama, i: [llama.llama_sampler_init_typical(q[i], 0)],
        lambda i: filters.typical(q[i]),
        {TIES: of_ties, D6: agrees_without_them},
    )
    n = per_row(rng, 0.05, 3)
    yield stateless(
        "TopNSigma",
        TopNSigma(n),
        lambda llama, i: [llama.llama_sampler_init_top_n_sigma(n[i])],
        lambda i: filters.top_n_sigma(n[i]),
    )
    yield after_top_n_sigma(n, q)
    x = per_row(rng, 1e-3, 0.6, 0.5)
    for probability in (0.0, 1.0):
        yield stateless(
            f"XTC, probability {probability:.0f}",
            XTC(x, np.full(R, probability)),
            lambda llama, i, chance=probability: [llama.llama_sampler_init_xtc(chance, x[i], 0, 1)],
            lambda i, chance=probability: filters.xtc(x[i], chance > 0),
            {TIES: of_ties} if probability else None,
        )


def after_top_n_sigma(n, q):
    """Compare typical after top-n-sigma, which leaves dropped tokens as candidates at -inf."""

    def alone(make, i, mine, other):
        left = applied(lambda llama: [llama.llama_sampler_init_top_n_sigma(n[i])], ROWS[i])
        again = applied(
            lambda llama: [llama.llama_sampler_init_typical(q[i], 0)],
            left,
            kept(left) & (probabilities(left).astype(np.float32) > 1e-38),
        )
        return not kept(left).all() and (same(mine, again) or torn(i, mine, again))

    return stateless(
        "TopNSigma, Typical",
        chain(TopNSigma(n), Typical(q)),
        lambda llama, i: [
            llama.llama_sampler_init_top_n_sigma(n[i]),
            llama.llama_sampler_init_typical(q[i], 0),
        ],
        lambda i: compose(filters.top_n_sigma(n[i]), filters.typical(q[i])),
        {TIES: of_ties, D6: alone},
    )


def temperatures():
    """Yield the temperatures and the bias."""
    rng = np.random.default_rng(37)
    t = per_row(rng, 0.05, 3, 1)
    yield stateless(
        "Temperature",
        Temperature(t),
        lambda llama, i: [llama.llama_sampler_init_temp(t[i])],
        lambda i: temperature.temperature(t[i]),
    )
    yield stateless(
        "Temperature(0)",
        Temperature(np.zeros(R)),
        lambda llama, i: [llama.llama_sampler_init_temp(0.0)],
        lambda i: temperature.temperature(0.0),
        {D4: first_maximum},
    )
    low, high, e = per_row(rng, 0, 1, 0), per_row(rng, 1, 3), per_row(rng, 0.3, 2, 1)
    yield stateless(
        "DynamicTemperature",
        DynamicTemperature(low, high, e),
        lambda llama, i: [temp_ext(llama, low[i], high[i], e[i])],
        lambda i: adaptive.dynamic_temperature(low[i], high[i], e[i]),
        {MASKED: only_masked_count},
    )
    bias = np.where(rng.random((R, V)) < 0.1, -np.inf, 3 * rng.standard_normal((R, V)))
    bias = np.where(rng.random((R, V)) < 0.5, 0.0, bias).astype(np.float32)
    bias[np.arange(R), ROWS.argmax(1)] = 0.0  # no row loses every token
    yield stateless(
        "LogitBias",
        LogitBias(bias),
        lambda llama, i: [logit_bias(bias[i])],
        lambda i: lambda row, nudge=0.0: row + np.float64(bias[i]),
    )


def temp_ext(llama, low, high, exponent):
    middle, delta = (np.float64(low) + high) / 2, (np.float64(high) - low) / 2
    return llama.llama_sampler_init_temp_ext(middle, delta, exponent)


def only_masked_count(make, i, mine, other):
    present = kept(ROWS[i])
    again = applied(functools.partial(make, i=i), ROWS[i], present)
    return not present.all() and same(mine, again)
