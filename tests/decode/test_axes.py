"""Every door on meshes with Auto and with Explicit axes, inside `jax.set_mesh` and outside of it.

`jax.make_mesh` makes Explicit axes unless it is told otherwise. There the sharding is part of the
type of an array, and many operations raise if JAX cannot infer the type of their result.
"""

import jax
import pytest

from tests.decode.axes_program import CASES
from tests.decode.test_mesh import run_on_devices
from tests.table import swept

QUICK = ["sampled-explicit-both-arguments alone", "generated-explicit-batch-set_mesh"]

SPLIT = "streamed in samples of two streams-explicit-both"


@pytest.fixture(scope="module")
def lines(request):
    """The line of the program about each case; one process runs all cases that pytest selected."""
    here = [item for item in request.session.items if item.path == request.path]
    done = run_on_devices("tests.decode.axes_program", *(i.callspec.params["case"] for i in here))
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    return said, done.stderr[-3000:]


@pytest.mark.parametrize("case", swept(CASES, QUICK))
def test_the_results_do_not_depend_on_the_mesh(case, lines):
    if case.startswith(SPLIT) and jax.__version_info__ < (0, 10):
        pytest.skip("jax before 0.10 splits no axis of an array that is sharded along two")
    said, errors = lines
    assert said.get(case, f"the program ended before this case: {errors}") == "ok"
