"""Filters with thresholds on probability, deviation, entropy, typicality and bends, and XTC."""

import jax
import numpy as np

from jaxsample import (
    XTC,
    Epsilon,
    Eta,
    PLess,
    PLessNorm,
    TailFree,
    TopA,
    TopH,
    TopNSigma,
    Typical,
)
from tests.oracles import filters as oracle
from tests.table.case import Case

KEY = np.asarray(jax.random.key_data(jax.random.key(0)))
STATE = KEY, np.int32(0)

CASES = [
    *(Case(f"epsilon-{v}", Epsilon(v), oracle.epsilon(v), neutral=Epsilon(0.0))
      for v in (0.0, 0.01, 0.3)),
    *(Case(f"eta-{v}", Eta(v), oracle.eta(v), neutral=Eta(0.0)) for v in (3e-4, 0.1)),
    *(Case(f"top_a-{v}", TopA(v), oracle.top_a(v), neutral=TopA(0.0)) for v in (0.2, 1.0)),
    *(Case(f"top_n_sigma-{v}", TopNSigma(v), oracle.top_n_sigma(v),
           neutral=TopNSigma(TopNSigma.off)) for v in (0.0, 1.0, 2.5)),
    *(Case(f"top_h-{v}", TopH(v), oracle.top_h(v), neutral=TopH(1.0)) for v in (0.0, 0.4, 0.9)),
    Case("p_less", PLess(), oracle.p_less()),
    Case("p_less_norm", PLessNorm(), oracle.p_less_norm()),
    *(Case(f"typical-{v}", Typical(v), oracle.typical(v), kind="set", neutral=Typical(1.0))
      for v in (0.0, 0.2, 0.9)),
    *(Case(f"tail_free-{v}", TailFree(v), oracle.tail_free(v), kind="set", neutral=TailFree(1.0))
      for v in (0.5, 0.95)),
    *(Case(f"xtc-{p}", XTC(0.02, p), oracle.xtc(0.02, p == 1), kind="set",
           neutral=XTC(0.02, 0.0), state=STATE) for p in (0.0, 1.0)),
]  # fmt: skip
