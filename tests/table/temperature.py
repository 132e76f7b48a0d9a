"""Temperatures."""

from jaxsample import EntropyTemperature, Temperature
from tests.oracles.temperature import entropy_temperature, temperature
from tests.table.case import EDT, WARM, Case

CASES = [
    *(Case(f"temperature-{v}", Temperature(v), temperature(v), neutral=Temperature(1.0), **WARM)
      for v in (0.7, 0.0, 1.0, 3.0, 1e-3, 1e-30)),
    *(Case(f"edt-{a}", EntropyTemperature(*a), entropy_temperature(*a),
           neutral=EntropyTemperature(1.0, 0.0), **EDT)
      for a in ((1.0, 0.5), (0.8, 0.0), (0.7, -0.3), (0.0, 1.0))),
]  # fmt: skip
