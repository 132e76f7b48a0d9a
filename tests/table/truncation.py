"""Top-k, top-p and min-p."""

from jaxsample import MinP, TopK, TopP
from tests.oracles.truncation import min_p, top_k, top_p
from tests.rows import V
from tests.table.case import Case

CASES = [
    *(Case(f"top_k-{v}", TopK(v), top_k(v), neutral=TopK(TopK.off))
      for v in (1, 5, 64, 65, V, 10_000)),
    *(Case(f"top_p-{v}", TopP(v), top_p(v), neutral=TopP(1.0))
      for v in (0.0, 0.5, 0.9, 0.999, 1.0)),
    *(Case(f"min_p-{v}", MinP(v), min_p(v), neutral=MinP(0.0)) for v in (0.0, 0.05, 0.3, 1.0)),
]  # fmt: skip
