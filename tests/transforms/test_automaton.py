"""Automata over tokens, checked by hand and by random walks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxsample import Prompt, Temperature, TokenAutomaton, TopP, chain, draw, stack
from jaxsample.transforms.constraints._automaton import UNLIMITED, Place
from tests.oracles import common as oracles
from tests.oracles.automaton import token_automaton
from tests.statistics import FALSE_ALARM, draws, p_value

INF = jnp.inf
# "(", any number of "-", ")", and the end. Token 3 is the end, and token 4 is never allowed.
CLASSES = [0, 1, 2, 3, 4]
TABLE = [[1, -1, -1, -1, -1], [-1, 1, 2, -1, -1], [-1, -1, -1, 3, -1], [-1, -1, -1, 3, -1]]
DISTANCE = [3, 2, 1, 0]
BRACKETS = TokenAutomaton(CLASSES, TABLE, DISTANCE)
ROW = jnp.arange(5.0)
APPLY = jax.jit(lambda automaton, row, state: automaton(row, state))
UPDATE = jax.jit(lambda automaton, state, row, token: automaton.update(state, row, token))


def allowed(automaton, state, left=UNLIMITED, row=ROW):
    out = APPLY(automaton, row, Place(jnp.int32(state), jnp.int32(left)))
    return np.flatnonzero(np.asarray(out) > -np.inf).tolist()


def test_it_allows_what_leads_on():
    np.testing.assert_array_equal(BRACKETS(ROW), [0, -INF, -INF, -INF, -INF])
    assert [allowed(BRACKETS, s) for s in range(4)] == [[0], [1, 2], [3], [3]]


@pytest.mark.parametrize(
    "state, left, tokens",
    [
        (1, 100, [1, 2]),
        (1, 3, [1, 2]),  # there is time for "-", ")" and the end
        (1, 2, [2]),  # just enough time for ")" and the end
        (1, 1, [1, 2]),  # too late, so all accepted tokens
        (0, 3, [0]),
        (0, 2, [0]),
        (2, 1, [3]),
        (3, 0, [3]),
    ],
)
def test_the_budget_leaves_time_to_end(state, left, tokens):
    assert allowed(BRACKETS, state, left) == tokens


def test_the_state_is_the_place_and_what_is_left():
    state = BRACKETS.init(None, Prompt.of([7, 7], vocab_size=5, budget=9))
    assert (int(state.state), int(state.left)) == (0, 9)
    for token, expected in [(0, (1, 8)), (1, (1, 7)), (2, (2, 6)), (3, (3, 5)), (3, (3, 4))]:
        state = UPDATE(BRACKETS, state, ROW, jnp.int32(token))
        assert (int(state.state), int(state.left)) == expected
    assert {leaf.dtype for leaf in state} == {jnp.dtype("int32")}


def test_without_a_prompt_the_budget_has_no_limit():
    state = BRACKETS.init(None, None)
    for token in (0, 1, 1, 1):
        state = UPDATE(BRACKETS, state, ROW, jnp.int32(token))
    assert (int(state.state), int(state.left)) == (1, UNLIMITED)


def test_a_forbidden_token_leaves_the_state_alone():
    state = UPDATE(BRACKETS, Place(jnp.int32(1), jnp.int32(8)), ROW, jnp.int32(4))
    assert (int(state.state), int(state.left)) == (1, 7)


def test_a_row_it_empties_is_invalid():
    row = jnp.array([-INF, 1.0, 1.0, 1.0, 1.0])
    out = BRACKETS(row)
    assert np.isnan(np.asarray(out)).all()
    assert draw(jax.random.key(0), out) == -1


def test_truncation_before_it_can_empty_a_row_and_behind_it_can_not():
    row = jnp.array([0.0, 0.0, 0.0, 9.0, 0.0])
    assert np.isnan(np.asarray(chain(TopP(0.5), BRACKETS)(row))).all()
    got = chain(BRACKETS, Temperature(0.7), TopP(0.5))(row)
    np.testing.assert_array_equal(got, [0, -INF, -INF, -INF, -INF])


def test_free_allows_everything():
    free = TokenAutomaton.free(5)
    np.testing.assert_array_equal(free(ROW), ROW)
    assert allowed(free, 0, left=1) == allowed(free, 0, left=0) == [0, 1, 2, 3, 4]


SMALL = TokenAutomaton([0, 0, 1, 1, 1], [[0, 1], [-1, 1]], [1, 0])


def test_stack_pads_automata_of_different_sizes():
    automata = [BRACKETS, TokenAutomaton.free(5), SMALL]
    many = stack(automata)
    assert many.table.shape == (3, 4, 5) and many.distance.shape == (3, 4)
    for s in range(4):
        for left in (1, 2, UNLIMITED):
            for b, automaton in enumerate(automata):
                if s < len(automaton.distance):
                    mine = allowed(jax.tree.map(lambda x: x[b], many), s, left)  # noqa: B023
                    assert mine == allowed(automaton, s, left)
    chains = stack([chain(t, TopP(0.9)) for t in automata])
    assert chains[0].table.shape == many.table.shape and chains[1].p.shape == (3,)
    again = stack([many, many])  # as for prompts times samples
    assert again.table.shape == (2, 3, 4, 5)


def test_stack_wants_one_vocabulary():
    with pytest.raises(ValueError):
        stack([BRACKETS, TokenAutomaton.free(6)])


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: TokenAutomaton([0, 5], TABLE, DISTANCE), ["classes", "0..4", "0..5"]),
        (lambda: TokenAutomaton([-1], TABLE, DISTANCE), ["classes"]),
        (lambda: TokenAutomaton([0], [[4]], [0]), ["table", "-1..0"]),
        (lambda: TokenAutomaton(CLASSES, TABLE, [-1, 0, 0, 0]), ["distance"]),
        (lambda: TokenAutomaton(CLASSES, TABLE, [0]), ["shapes", "[4, 5]", "[1]"]),
        (lambda: TokenAutomaton([CLASSES], TABLE, DISTANCE), ["shapes"]),
        (lambda: TokenAutomaton(CLASSES, TABLE[0], DISTANCE), ["shapes"]),
        (lambda: TokenAutomaton(0, 0, 0), ["shapes"]),
        (lambda: TokenAutomaton([], [[]], [0]), ["shapes"]),
        (lambda: TokenAutomaton("abc", TABLE, DISTANCE), ["classes", "abc"]),
        (lambda: BRACKETS.replace(distance=[0]), ["shapes"]),
        (lambda: BRACKETS(jnp.zeros(6)), ["[5] tokens", "[6]"]),
    ],
)
def test_nonsense_raises_value_error_naming_it(make, words):
    with pytest.raises(ValueError) as error:
        make()
    for word in words:
        assert word in str(error.value)


@st.composite
def automata(draw):
    """Automata of three to six states over 8 tokens; every state has a path to the last."""
    states = draw(st.integers(3, 6))
    table = np.array(draw(st.lists(st.lists(st.integers(-1, states - 1), min_size=4, max_size=4),
                                   min_size=states, max_size=states)))  # fmt: skip
    table[np.arange(states), 3] = np.minimum(np.arange(states) + 1, states - 1)
    table[-1] = [-1, -1, -1, states - 1]
    distance = np.full(states, states, np.int32)
    distance[-1] = 0
    for _ in range(states):
        after = np.where(table < 0, states, distance[table])
        distance = np.minimum(distance, 1 + after.min(1))
    classes = draw(st.permutations([0, 1, 2, 3, 0, 1, 2, 2]))
    # All automata have one shape, so that the walk compiles once.
    table = np.pad(table, [(0, 6 - states), (0, 0)], constant_values=-1)
    return np.array(classes), table, np.pad(distance, (0, 6 - states))


@settings(max_examples=60, deadline=None)
@given(automata(), st.integers(0, 12), st.integers(0, 2**31 - 1))
def test_any_budget_that_suffices_ends_every_walk(numbers, budget, seed):
    classes, table, distance = numbers
    automaton, rng = TokenAutomaton(*numbers), np.random.default_rng(seed)
    state = automaton.init(None, Prompt.of([1], vocab_size=8, budget=budget))
    place, end = 0, int(np.flatnonzero(distance == 0)[0])
    row = np.float32(rng.standard_normal(8))
    for left in range(budget, 0, -1):
        out = np.asarray(APPLY(automaton, row, state))
        expected = token_automaton(classes, table, distance, place, left)(row)
        np.testing.assert_array_equal(out, expected)
        token = int(rng.choice(np.flatnonzero(out > -np.inf)))  # there is always one
        state = UPDATE(automaton, state, row, jnp.int32(token))
        place = table[place][classes[token]]
        assert (int(state.state), int(state.left)) == (place, left - 1)
    assert place == end or budget < distance[0]


def test_100_000_draws_follow_the_oracle():
    rng = np.random.default_rng(3)
    row = np.float32(rng.standard_normal(32))
    numbers = np.arange(32) % 3, [[1, 0, -1], [0, -1, 1]], [1, 0]
    automaton = TokenAutomaton(*numbers)
    expected = oracles.probabilities(token_automaton(*numbers)(row))
    assert p_value(draws(21, automaton(jnp.asarray(row))), expected) > FALSE_ALARM


def test_other_automata_of_a_size_do_not_trace_again(counted):
    run = counted(lambda automaton, row: automaton(row))
    jitted = jax.jit(run)
    for shift in range(3):
        jitted(TokenAutomaton(np.roll(CLASSES, shift), TABLE, DISTANCE), ROW)
        jitted(TokenAutomaton(jnp.asarray(CLASSES), TABLE, np.array(DISTANCE, np.int8)), ROW)
    assert run.traces == 1


def test_masked_logits_have_no_gradient_and_the_rest_pass_it():
    slope = jax.grad(lambda row: jnp.sum(jnp.exp(BRACKETS(row, Place(1, 9)))))(ROW)
    np.testing.assert_allclose(slope, [0, np.exp(1), np.exp(2), 0, 0], rtol=1e-6)


def test_with_64_bit_types():
    with jax.enable_x64(True):
        automaton = TokenAutomaton(np.array(CLASSES), np.array(TABLE), np.array(DISTANCE))
        state = automaton.init(None, Prompt.of([7], vocab_size=5, budget=3))
        state = automaton.update(state, ROW, jnp.asarray(0))
        assert {leaf.dtype for leaf in state} == {jnp.dtype("int32")}
        np.testing.assert_array_equal(automaton(ROW, state), [-INF, -INF, 2, -INF, -INF])
