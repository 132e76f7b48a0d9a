"""Transforms that a user might write."""

import numpy as np
from jax.tree_util import Partial

from jaxsample import MinP, Temperature, TopK, TopP, chain
from tests import toys
from tests.oracles.common import compose, single
from tests.oracles.temperature import temperature as t
from tests.oracles.truncation import min_p as m
from tests.oracles.truncation import top_k as k
from tests.oracles.truncation import top_p as p
from tests.rows import HIDDEN, D, V
from tests.table.case import EDT, ULPS, WARM, Case


def _counted(strength, counts):
    return lambda row, nudge=0.0: np.asarray(row, np.float64) - single(strength) * counts


def _learned(sampler):
    # The rounding of the network is within ENTROPY.
    kernel, bias = (
        np.asarray(sampler.params[name][...], np.float64) for name in ("kernel", "bias")
    )
    return t(0.2 + np.log1p(np.exp((HIDDEN @ kernel + bias)[0])))


def _halved(row, nudge=0.0):
    return np.asarray(row, np.float64) * 0.5


COUNTS = np.where(np.arange(V) % 7 == 0, 3, 0).astype(np.int32)
LEARNED = toys.Learned.of(D)

CASES = [
    Case("nucleus", toys.Nucleus(p=0.9, decay=0.5), p(0.9)),
    Case("nucleus-later", toys.Nucleus(p=0.9, decay=0.5), p(0.45), state=np.float32(0.45)),
    Case("learned", LEARNED, _learned(LEARNED), **EDT),
    Case("counts", toys.Counts(strength=0.3), _counted(0.3, COUNTS), kind="token", state=COUNTS,
         tolerance=ULPS, neutral=toys.Counts(strength=0.0)),
    Case("counts-t-p", chain(toys.Counts(strength=0.3), Temperature(0.7), TopP(0.9)),
         compose(_counted(0.3, COUNTS), t(0.7), p(0.9)), kind="token",
         state=(COUNTS, (), ()), **WARM),
    Case("function", chain(toys.halve), _halved, kind="token", tolerance=ULPS),
    Case("partial", chain(TopK(30), Partial(toys.scale, np.float32(0.5)), MinP(0.1)),
         compose(k(30), _halved, m(0.1)), kind="token", tolerance=ULPS),
]  # fmt: skip
