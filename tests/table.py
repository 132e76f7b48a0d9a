"""The table of transforms. A row added here is held to every law in tests/transforms.

`oracle` is the float64 meaning of `sampler` under the given `state` and `rows.HIDDEN`; `tolerance`
is how far kept logits may lie from it, relative: 0 means that a kept logit is the incoming one, bit
for bit. `neutral` is the same transform at its documented neutral value, the identity up to the
shift by the maximum where `shifts`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from jax.tree_util import Partial

from jaxsample import EntropyTemperature, MinP, Temperature, TopK, TopP, chain
from tests import oracles, toys
from tests.rows import HIDDEN, D, V

# Two roundings of half an ulp each (the shift, the division); the contract allows four ulp.
ULPS = 4 * 2.0**-23
# The contract's bound where an entropy enters: its rounding moves the temperature.
ENTROPY = 1e-5


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    id: str
    sampler: Any
    oracle: Callable
    kind: str = "order"
    tolerance: float = 0.0
    neutral: Any = None
    shifts: bool = False
    state: Any = None

    @property
    def filters(self):
        """Whether it only ever drops tokens."""
        return self.tolerance == 0 and self.kind == "order"


def _counted(strength, counts):
    return lambda row, nudge=0.0: np.asarray(row, np.float64) - oracles.single(strength) * counts


def _learned(sampler):
    # float32 rounding of the network is inside ENTROPY's 1e-5.
    kernel, bias = (
        np.asarray(sampler.params[name][...], np.float64) for name in ("kernel", "bias")
    )
    return oracles.temperature(0.2 + np.log1p(np.exp((HIDDEN @ kernel + bias)[0])))


def _halved(row, nudge=0.0):
    return np.asarray(row, np.float64) * 0.5


COUNTS = np.where(np.arange(V) % 7 == 0, 3, 0).astype(np.int32)
LEARNED = toys.Learned.of(D)
WARM = dict(tolerance=ULPS, shifts=True)
EDT = dict(tolerance=ENTROPY, shifts=True)
t, edt, k, p, m = (oracles.temperature, oracles.entropy_temperature, oracles.top_k, oracles.top_p,
                   oracles.min_p)  # fmt: skip

ATOMS = [
    *(Case(f"temperature-{v}", Temperature(v), t(v), neutral=Temperature(1.0), **WARM)
      for v in (0.7, 0.0, 1.0, 3.0, 1e-3, 1e-30)),
    *(Case(f"edt-{a}", EntropyTemperature(*a), edt(*a), neutral=EntropyTemperature(1.0, 0.0), **EDT)
      for a in ((1.0, 0.5), (0.8, 0.0), (0.7, -0.3), (0.0, 1.0))),
    *(Case(f"top_k-{v}", TopK(v), k(v), neutral=TopK(TopK.off))
      for v in (1, 5, 64, 65, V, 10_000)),
    *(Case(f"top_p-{v}", TopP(v), p(v), neutral=TopP(1.0)) for v in (0.0, 0.5, 0.9, 0.999, 1.0)),
    *(Case(f"min_p-{v}", MinP(v), m(v), neutral=MinP(0.0)) for v in (0.0, 0.05, 0.3, 1.0)),
]  # fmt: skip

CHAINS = [
    Case("t-k-p", chain(Temperature(0.8), TopK(40), TopP(0.9)),
         oracles.compose(t(0.8), k(40), p(0.9)),
         neutral=chain(Temperature(1.0), TopK(TopK.off), TopP(1.0)), **WARM),
    Case("k-t", chain(TopK(5), Temperature(0.7)), oracles.compose(k(5), t(0.7)), **WARM),
    Case("k-edt", chain(TopK(5), EntropyTemperature(1.0, 0.5)),
         oracles.compose(k(5), edt(1.0, 0.5)), **EDT),
    Case("edt-m", chain(EntropyTemperature(1.2, 0.3), MinP(0.05)),
         oracles.compose(edt(1.2, 0.3), m(0.05)),
         neutral=chain(EntropyTemperature(1.0, 0.0), MinP(0.0)), **EDT),
    Case("nested", chain(chain(TopK(20), MinP(0.01)), chain(TopP(0.8), TopK(3))),
         oracles.compose(k(20), m(0.01), p(0.8), k(3))),
    Case("t-k-p-greedy", chain(Temperature(0.0), TopK(3), TopP(0.9)),
         oracles.compose(t(0), k(3), p(0.9)), **WARM),
    Case("empty", chain(), oracles.identity, kind="any", neutral=chain()),
]  # fmt: skip

TOYS = [
    Case("nucleus", toys.Nucleus(p=0.9, decay=0.5), p(0.9)),
    Case("nucleus-later", toys.Nucleus(p=0.9, decay=0.5), p(0.45), state=np.float32(0.45)),
    Case("t-nucleus", chain(Temperature(0.7), toys.Nucleus(p=0.9, decay=0.5)),
         oracles.compose(t(0.7), p(0.6)), state=((), np.float32(0.6)), **WARM),
    Case("learned", LEARNED, _learned(LEARNED), **EDT),
    Case("counts", toys.Counts(strength=0.3), _counted(0.3, COUNTS), kind="token", state=COUNTS,
         tolerance=ULPS, neutral=toys.Counts(strength=0.0)),
    Case("counts-t-p", chain(toys.Counts(strength=0.3), Temperature(0.7), TopP(0.9)),
         oracles.compose(_counted(0.3, COUNTS), t(0.7), p(0.9)), kind="token",
         state=(COUNTS, (), ()), **WARM),
    Case("function", chain(toys.halve), _halved, kind="token", tolerance=ULPS),
    Case("partial", chain(TopK(30), Partial(toys.scale, np.float32(0.5)), MinP(0.1)),
         oracles.compose(k(30), _halved, m(0.1)), kind="token", tolerance=ULPS),
]  # fmt: skip

CASES = [*ATOMS, *CHAINS, *TOYS]
ORDER = [case for case in CASES if case.kind == "order"]


def cases(rows):
    """Parametrize a test over rows of the table."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in rows])


def structures(rows):
    """One row for each structure: for laws that no value of a leaf can change."""
    seen = {}
    for case in rows:
        seen.setdefault(jax.tree.structure((case.sampler, case.state)), case)
    return cases(seen.values())
