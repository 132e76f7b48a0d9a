"""The kept sets of long rows and of a model's real rows, against float64 oracles.

The dense path is judged by the logits that a transform returns, the path of decoding by the records
of `generate`: how many tokens it kept, and the likeliest of them.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    EntropyTemperature,
    MinP,
    Model,
    ModelOutput,
    Temperature,
    TopH,
    TopK,
    TopP,
    Typical,
    chain,
    generate,
)
from tests.long_rows import real_rows, rows
from tests.oracles import filters, temperature, truncation
from tests.oracles.common import compose
from tests.table import swept

SHOWN = 64  # how many of the kept tokens `generate` records
# A row is judged if no edge moves over a token when its share of the mass moves by this much, as
# masses are sums of float32 numbers.
NUDGE = 1e-5


@dataclasses.dataclass(frozen=True)
class Case:
    """A sampler with a setting per row, and its oracle for one setting."""

    make: Callable[..., Any]
    oracle: Callable[..., Any]
    settings: Callable[[int], list]
    nudge: float = NUDGE


def several(*settings):
    return lambda size: [s if isinstance(s, tuple) else (s,) for s in settings]


def ks(size):
    return several(1, 7, 64, 65, 200, size - 1, size, size + 1)(size)


CASES = {
    "top-k": Case(TopK, truncation.top_k, ks, nudge=0.0),
    "top-p": Case(TopP, truncation.top_p, several(0.5, 0.9, 0.95, 0.99)),
    # The edge is a logit: max + log p, with a rounding of each.
    "min-p": Case(MinP, truncation.min_p, several(0.5, 0.1, 0.02, 1e-3), nudge=4e-6),
    "k and p": Case(
        lambda k, p: chain(TopK(k), TopP(p)),
        lambda k, p: compose(truncation.top_k(k), truncation.top_p(p)),
        several((50, 0.9), (65, 0.95), (1000, 0.9)),
    ),
    "typical": Case(Typical, filters.typical, several(0.2, 0.9)),
    "top-h": Case(TopH, filters.top_h, several(0.2, 0.4, 0.9)),
    "temperature and p": Case(
        lambda t, p: chain(Temperature(t), TopP(p)),
        lambda t, p: compose(temperature.temperature(t), truncation.top_p(p)),
        several((0.5, 0.9), (1.5, 0.9), (1.5, 0.99)),
    ),
    "entropy temperature and p": Case(
        lambda t0, theta, p: chain(
            EntropyTemperature(t0, theta, np.full_like(t0, 0.8), np.full_like(t0, 10)), TopP(p)
        ),
        lambda t0, theta, p: compose(
            temperature.entropy_temperature(t0, theta), truncation.top_p(p)
        ),
        several((1.0, 0.5, 0.95), (1.2, 2.0, 0.9)),
    ),
}
SWEEP = [
    *((name, where) for name in CASES for where in ("5000", "a real model")),
    *((name, "32000") for name in ("top-k", "top-p", "min-p", "k and p")),
]
QUICK = [("k and p", "5000")]


def bank(where):
    """Names and rows `[R, V]`, without NaN and +inf, which have tests of their own."""
    if where == "a real model":
        return [f"row {i}" for i in range(64)], real_rows()
    some = {n: row for n, row in rows(int(where)).items() if n not in ("nan", "empty", "infinite")}
    return list(some), np.stack(list(some.values()))


def _looked_up(logits, tokens, positions, cache):
    del positions
    return ModelOutput(logits[tokens], None, cache)


LOOKED_UP = Model(lambda batch, max_length: (), _looked_up)


@jax.jit
def dense(samplers, which, logits):
    def kept(sampler, i):
        return sampler(logits[i])

    return jax.vmap(kept)(samplers, which)


@functools.cache
def shaped(name, where):
    """Settings, names, rows, and the logits and the records that the case gives for each."""
    case = CASES[name]
    names, logits = bank(where)
    settings = case.settings(logits.shape[1])
    pairs = [(s, i) for s in settings for i in range(len(logits))]
    leaves = [np.array(column) for column in zip(*(s for s, _ in pairs), strict=True)]
    leaves = [x.astype(np.int32 if x.dtype.kind == "i" else np.float32) for x in leaves]
    samplers, which = case.make(*leaves), np.array([i for _, i in pairs], np.int32)
    out = generate(
        jax.random.key(0), LOOKED_UP, jnp.asarray(logits), which[:, None], samplers,
        max_new_tokens=1, sampler_axes=0, record=("kept", ("support", SHOWN)),
    )  # fmt: skip
    tokens, counts, ids = (np.asarray(x)[:, 0] for x in (out.tokens, out.kept, out.support.ids))
    return (
        [(*s, names[i]) for s, i in pairs],
        [case.oracle(*s) for s, _ in pairs],
        logits[which],
        np.asarray(dense(samplers, which, logits)),
        (tokens, counts, ids),
    )


@pytest.mark.parametrize("name, where", swept(SWEEP, QUICK))
def test_the_kept_set_is_that_of_float64(name, where):
    nudge, judged, wrong = CASES[name].nudge, 0, []
    labels, oracles, logits, got, (tokens, counts, ids) = shaped(name, where)
    for i, (label, oracle, row) in enumerate(zip(labels, oracles, logits, strict=True)):
        kept, *others = (oracle(row, n) > -np.inf for n in (0.0, nudge, -nudge))
        if not all((other == kept).all() for other in others):
            continue
        judged += 1
        likeliest = np.sort(np.where(kept, row, -np.inf))[::-1][: min(SHOWN, kept.sum())]
        shown = ids[i][ids[i] >= 0]
        checks = {
            "dense": ((got[i] > -np.inf) == kept).all(),
            "count": counts[i] == kept.sum(),
            "support": kept[shown].all() and len(shown) == len(likeliest),
            "order": (np.sort(row[shown])[::-1] == likeliest).all(),
            "token": kept[tokens[i]],
        }
        if not all(checks.values()):
            wrong.append((*label, [what for what, right in checks.items() if not right]))
    assert not wrong, f"{len(wrong)} of {judged}"
    assert judged > 0.4 * len(labels)  # a flat row has an edge near any share of its mass


@pytest.mark.full
def test_a_kept_logit_is_untouched_and_ties_live_together():
    """Filters change no kept logit in any bit, and equal logits have one fate."""
    for name in ("top-k", "top-p", "min-p", "k and p", "top-h"):
        _, _, logits, got, _ = shaped(name, "5000")
        kept = got > -np.inf
        np.testing.assert_array_equal(got[kept].view(np.uint32), logits[kept].view(np.uint32))
        for row, stay in zip(logits, kept, strict=True):
            assert row[stay].min() > np.where(stay, -np.inf, row).max()
