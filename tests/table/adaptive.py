"""Temperatures and filters that depend on the row or on earlier tokens."""

import numpy as np

from jaxsample import (
    AdaptiveP,
    ClassTemperature,
    DynamicTemperature,
    Mirostat,
    Quadratic,
    TopPDecay,
)
from tests.oracles.adaptive import (
    adaptive_p,
    dynamic_temperature,
    mirostat_1,
    mirostat_2,
    nucleus,
    quadratic,
)
from tests.oracles.temperature import temperature
from tests.rows import V
from tests.table.case import EDT, ULPS, WARM, Case

CLASSES = np.arange(V) % 3
ONES = ClassTemperature([1.0, 1.0, 1.0], CLASSES)

CASES = [
    *(Case(f"dynamic-{a}", DynamicTemperature(*a), dynamic_temperature(*a),
           neutral=DynamicTemperature(1.0, 1.0), **EDT)
      for a in ((0.5, 1.5), (0.0, 2.0, 0.7), (1.5, 0.2, 3.0), (1.0, 1.0))),
    # A square, a cube and a difference: a few roundings of numbers below 64 for likely tokens.
    *(Case(f"quadratic-{a}", Quadratic(*a), quadratic(*a), kind="set",
           neutral=Quadratic(0.0), tolerance=2 * ULPS, near=2e-5)
      for a in ((0.3,), (0.0,), (1.5, 2.0), (0.2, 4.0))),
    # The error of a probability is 1e-6 of itself, and the slope of the curve is at most 70.
    *(Case(f"adaptive_p-{t}-{mean}", AdaptiveP(t), adaptive_p(t, mean), kind="set",
           neutral=AdaptiveP(-1.0), tolerance=1e-5, near=7e-5, state=np.float32(mean))
      for t, mean in ((0.3, 0.3), (0.5, 0.9), (0.9, 0.1), (-1.0, 0.0))),
    *(Case(f"classes-{c}", ClassTemperature([0.7, 0.0, 3.0], CLASSES), temperature(t),
           neutral=ONES, state=np.int32(c), **WARM)
      for c, t in enumerate((0.7, 0.0, 3.0))),
    *(Case(f"mirostat-{mu}", Mirostat(3.0, 0.1), mirostat_2(mu), neutral=Mirostat(np.inf, 0.1),
           state=np.float32(mu)) for mu in (6.0, 1.5, -2.0, 20.0)),
    *(Case(f"mirostat1-{mu}", Mirostat(3.0, 1.0, 1), mirostat_1(mu),
           neutral=Mirostat(np.inf, 1.0, 1), state=np.float32(mu)) for mu in (6.0, 1.5, -2.0)),
    *(Case(f"p_decay-{p}", TopPDecay(1.0, 0.8, 0.3, 5), nucleus(p), state=np.float32(p),
           neutral=TopPDecay(1.0, 1.0) if p == 1 else None) for p in (1.0, 0.5)),
]  # fmt: skip
