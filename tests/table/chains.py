"""Chains of the built-in transforms."""

from jaxsample import EntropyTemperature, MinP, Temperature, TopK, TopP, chain
from tests.oracles.common import compose, identity
from tests.oracles.temperature import entropy_temperature as edt
from tests.oracles.temperature import temperature as t
from tests.oracles.truncation import min_p as m
from tests.oracles.truncation import top_k as k
from tests.oracles.truncation import top_p as p
from tests.table.case import EDT, WARM, Case

CASES = [
    Case("t-k-p", chain(Temperature(0.8), TopK(40), TopP(0.9)),
         compose(t(0.8), k(40), p(0.9)),
         neutral=chain(Temperature(1.0), TopK(TopK.off), TopP(1.0)), **WARM),
    Case("k-edt-t", chain(TopK(5), EntropyTemperature(1.0, 0.5), Temperature(0.7)),
         compose(k(5), edt(1.0, 0.5), t(0.7)), **EDT),
    Case("edt-m", chain(EntropyTemperature(1.2, 0.3), MinP(0.05)),
         compose(edt(1.2, 0.3), m(0.05)),
         neutral=chain(EntropyTemperature(1.0, 0.0), MinP(0.0)), **EDT),
    Case("nested", chain(chain(TopK(20), MinP(0.01)), chain(TopP(0.8), TopK(3))),
         compose(k(20), m(0.01), p(0.8), k(3))),
    Case("t-k-p-greedy", chain(Temperature(0.0), TopK(3), TopP(0.9)),
         compose(t(0), k(3), p(0.9)), **WARM),
    Case("empty", chain(), identity, kind="any", neutral=chain()),
]  # fmt: skip
