"""The largest step of cost in a grid."""

from benchmarks.harness.steps import largest_step

COSTS = {(0.5, 1.0): 2.0, (0.9, 1.0): 3.0, (0.99, 1.0): 9.0, (0.5, 1.5): 5.0, (0.9, 1.5): 4.0}
COSTS |= {(0.99, 1.5): 8.0}


def test_a_step_joins_neighbours_only():
    step = largest_step(COSTS, axis=0)
    assert step == (3.0, (0.99, 1.0), (0.9, 1.0))
    assert step.words() == "a cliff"


def test_a_step_down_counts_as_one_up():
    falling = {(1.0, t): cost for t, cost in [(0.5, 6.0), (1.0, 4.0), (2.0, 3.0)]}
    step = largest_step(falling, axis=1)
    assert step == (1.5, (1.0, 0.5), (1.0, 1.0))
    assert step.words() == "no cliff"


def test_one_value_has_no_neighbours():
    assert largest_step({(0.5, 1.0): 2.0, (0.5, 1.5): 2.0}, axis=0) is None
