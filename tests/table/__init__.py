"""The table of transforms, a file per family: every row is held to every law in tests/transforms.

`oracle` is the float64 meaning of `sampler` under the given `state` and `rows.HIDDEN`; `tolerance`
is how far kept logits may lie from it, relative: 0 means that a kept logit is the incoming one, bit
for bit. `neutral` is the same transform at its documented neutral value, the identity up to the
shift by the maximum where `shifts`. `terms` is how many numbers a token transform adds to a logit,
each of them rounded.
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


def cases(rows):
    """Parametrize a test over rows of the table.

    Those of one transform run in one process under `--dist loadgroup`: they share compilations.
    """
    family = [pytest.mark.xdist_group(case.id.split("-")[0]) for case in rows]
    params = [pytest.param(case, id=case.id, marks=m) for case, m in zip(rows, family, strict=True)]
    return pytest.mark.parametrize("case", params)


def structures(rows):
    """One row for each structure: for laws that no value of a leaf can change."""
    seen = {}
    for case in rows:
        seen.setdefault(jax.tree.structure((case.sampler, case.state)), case)
    return cases(list(seen.values()))
