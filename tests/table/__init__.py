"""The table of transforms that the laws in tests/transforms run over, one file for each family.

`oracle` is the float64 meaning of `sampler` for the given `state` and `rows.HIDDEN`. `tolerance` is
the relative error that a kept logit may have; 0 means that a kept logit does not change in any bit.
`neutral` is the same transform at its neutral value: the identity, up to the shift by the maximum
if `shifts`. `terms` is how many numbers a token transform adds to a logit, each with a rounding.
"""

import jax
import pytest

from tests.table import (
    adaptive,
    automaton,
    chains,
    constraints,
    filters,
    learned,
    penalties,
    temperature,
    toys,
    truncation,
    watermark,
)

ATOMS = [
    *temperature.CASES,
    *truncation.CASES,
    *adaptive.CASES,
    *automaton.CASES,
    *constraints.CASES,
    *filters.CASES,
    *learned.CASES,
    *penalties.CASES,
    *watermark.CASES,
]
CHAINS = chains.CASES
TOYS = toys.CASES
CASES = [*ATOMS, *CHAINS, *TOYS]
ORDER = [case for case in CASES if case.kind == "order"]


QUICK = {  # one case for each mechanism; `make test` checks the laws on these only
    "kth": "top_k-5",
    "mass": "top_p-0.9",
    "sum": "top_n_sigma-1.0",
    "entropy": "edt-(1.0, 0.5)",
    "nearest": "typical-0.2",
    "sort": "tail_free-0.95",
    "state": "mirostat-6.0",
    "counts": "repetition-1.3",
    "history": "dry",
    "automaton": "automaton-with time",
    "chain": "t-k-p",
    "function": "function",
}
assert set(QUICK.values()) <= {case.id for case in CASES}


def cases(rows):
    """Parametrize a test over rows of the table; rows outside `QUICK` are marked `full`.

    The rows of one transform run in one process under `--dist loadgroup`: they share compilations.
    """
    params = []
    for case in rows:
        marks = [pytest.mark.xdist_group(case.id.split("-")[0])]
        if case.id not in QUICK.values():
            marks.append(pytest.mark.full)
        params.append(pytest.param(case, id=case.id, marks=marks))
    return pytest.mark.parametrize("case", params)


def structures(rows):
    """Parametrize over one row for each structure: for laws that do not depend on leaf values."""
    seen = {}
    for case in sorted(rows, key=lambda case: case.id not in QUICK.values()):
        seen.setdefault(jax.tree.structure((case.sampler, case.state)), case)
    return cases(list(seen.values()))


def swept(values, quick):
    """Return values for `parametrize`: those in `quick`, then the others, marked `full`."""
    rest = [value for value in values if value not in quick]
    full = [
        pytest.param(*(v if isinstance(v, tuple) else (v,)), marks=pytest.mark.full) for v in rest
    ]
    return [*quick, *full]
