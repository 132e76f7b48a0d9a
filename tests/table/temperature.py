"""Temperatures."""

import numpy as np

from jaxsample import EntropyTemperature, Reshape, Temperature
from tests.oracles.temperature import entropy_temperature, reshape, temperature
from tests.table.case import EDT, WARM, Case

CASES = [
    *(Case(f"temperature-{v}", Temperature(v), temperature(v), neutral=Temperature(1.0), **WARM)
      for v in (0.7, 0.0, 1.0, 3.0, 1e-3, 1e-30)),
    *(Case(f"edt-{a}", EntropyTemperature(*a), entropy_temperature(*a),
           neutral=EntropyTemperature(1.0, 0.0), **EDT)
      for a in ((1.0, 0.5), (0.8, 0.0), (0.7, -0.3), (0.0, 1.0))),
    # Below a steep slope a difference of numbers below 128 cancels.
    *(Case(f"reshape-{slopes}", Reshape(slopes, knots), reshape(slopes, knots),
           neutral=Reshape(np.ones(len(slopes)), knots), near=3e-5, **WARM)
      for slopes, knots in (((0.5, 2.0, 0.0, 0.3, 9.0), (1.0, 2.0, 4.0, 8.0)),
                            ((1.0, 0.0), (2.5,)), ((0.7,), ()))),
]  # fmt: skip
