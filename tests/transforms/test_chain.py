"""Chains run their members in the order they are written."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from jaxsample import Function, MinP, Prompt, Temperature, TopK, TopP, Transform, chain, stack
from jaxsample.transforms.contract._chain import Chain
from tests import toys
from tests.rows import VALID, V, apply, bits
from tests.table import CHAINS, cases

ROWS = np.stack(list(VALID.values()))
PROMPT = Prompt.of([1, 2], vocab_size=4, budget=8)


@cases([case for case in CHAINS if case.id != "empty"])
def test_a_chain_equals_its_members_one_after_another(case):
    rows = ROWS
    for member in case.sampler:
        rows = apply(member, rows)
    together = apply(case.sampler, ROWS)
    np.testing.assert_array_equal(rows > -np.inf, together > -np.inf)
    np.testing.assert_allclose(rows, together, rtol=case.tolerance)


def test_the_order_written_is_the_order_run():
    """A temperature before the nucleus makes it larger; one after it does not."""
    row = jnp.log(jnp.array([0.6, 0.3, 0.1]))
    # At T = 4 the masses are .40, .34 and .26, so .74 is above the third token.
    assert np.isfinite(chain(TopP(0.5), Temperature(4.0))(row)).tolist() == [True, False, False]
    assert np.isfinite(chain(Temperature(4.0), TopP(0.5))(row)).tolist() == [True, True, False]


def test_later_filters_see_only_what_is_kept():
    """A nucleus is a share of the mass that earlier filters kept."""
    row = jnp.log(jnp.array([0.4, 0.3, 0.2, 0.1]))
    # Without top-k, .7 is above the third token, so p = .75 keeps three; of two, .4/.7 = .57.
    assert np.isfinite(TopP(0.75)(row)).tolist() == [True, True, True, False]
    assert np.isfinite(chain(TopK(2), TopP(0.55))(row)).tolist() == [True, False, False, False]
    assert np.isfinite(chain(TopK(2), TopP(0.6))(row)).tolist() == [True, True, False, False]


def test_a_chain_is_a_transform_with_members():
    a, b, c = Temperature(0.5), TopK(3), TopP(0.9)
    sampler = chain(a, chain(b, chain(c)), chain())
    assert isinstance(sampler, Chain) and isinstance(sampler, Transform)
    assert list(sampler) == [a, b, c]
    assert (len(sampler), sampler[0], sampler[-1]) == (3, a, c)
    with pytest.raises(IndexError):
        sampler[3]


def test_replace_changes_one_member_of_a_copy():
    old = chain(Temperature(0.5), TopK(3))
    new = old.replace(1, TopP(0.9))
    assert isinstance(new, Chain) and len(new) == 2
    assert new[0] is old[0] and isinstance(new[1], TopP) and isinstance(old[1], TopK)
    assert isinstance(old.replace(0, toys.halve)[0], Function)
    assert isinstance(old.replace(-1, MinP(0.1))[1], MinP)
    with pytest.raises(IndexError):
        old.replace(2, TopP(0.9))


def test_the_empty_chain_is_the_identity():
    row = np.array([-0.0, 0.0, -np.inf, 3e38, -1e-30], np.float32)
    np.testing.assert_array_equal(bits(chain()(row)), bits(row))
    assert chain().init(jax.random.key(0), PROMPT) == ()
    assert chain().update((), row, jnp.int32(0)) == ()
    assert len(chain()) == 0


def test_state_is_the_tuple_of_members_states_and_keys_are_folded_in():
    key = jax.random.key(9)
    sampler = chain(toys.Witness(4), TopK(2), chain(toys.Witness(4)), toys.Counts(0.5))
    state = sampler.init(key, PROMPT)
    assert isinstance(state, tuple) and len(state) == 4
    for i in (0, 2):
        expected = jax.random.key_data(jax.random.fold_in(key, i))
        np.testing.assert_array_equal(state[i][0], expected)
    assert state[1] == ()
    np.testing.assert_array_equal(state[3], np.zeros(4))


def test_update_shows_each_member_what_it_received():
    row = jnp.array([0.0, 2.0, 1.0, -1.0])
    sampler = chain(toys.Witness(4), TopK(2), toys.Witness(4), Temperature(0.5), toys.Witness(4))
    state = sampler.init(jax.random.key(0), PROMPT)
    state = sampler.update(state, row, jnp.int32(2))
    np.testing.assert_array_equal(state[0][1], row)
    np.testing.assert_array_equal(state[2][1], [-np.inf, 2.0, 1.0, -np.inf])
    np.testing.assert_array_equal(state[4][1], [-np.inf, 0.0, -2.0, -np.inf])
    assert [int(state[i][2]) for i in (0, 2, 4)] == [2, 2, 2]


def test_states_keep_their_types_so_that_a_scan_can_carry_them():
    sampler = chain(toys.Counts(1.0), toys.Nucleus(p=0.9, decay=0.5), toys.Witness(4), TopK(3))
    state = sampler.init(jax.random.key(0), PROMPT)

    def body(state, _):
        token = jnp.argmax(sampler(jnp.array([0.0, 2.0, 1.0, -1.0]), state)).astype(jnp.int32)
        return sampler.update(state, jnp.array([0.0, 2.0, 1.0, -1.0]), token), token

    state, tokens = jax.jit(lambda s: jax.lax.scan(body, s, None, length=6))(state)
    # The best token loses 1 at every draw: 2, then ties at 1, which go to the lower id.
    assert tokens.tolist() == [1, 1, 2, 0, 1, 2]
    np.testing.assert_array_equal(state[0], [1, 3, 2, 0])
    np.testing.assert_allclose(state[1], 0.9 * 0.5**6, rtol=1e-6)


def test_a_state_of_the_wrong_length_raises():
    with pytest.raises(ValueError):
        chain(TopK(2), TopP(0.5))(jnp.zeros(4), ((),))


def test_no_state_means_the_state_without_a_prompt():
    sampler = chain(Temperature(0.7), toys.Nucleus(p=0.5, decay=0.5))
    row = jnp.asarray(VALID["mild"])
    np.testing.assert_array_equal(sampler(row), sampler(row, sampler.init(None, None)))


def test_hidden_reaches_every_member():
    sampler = chain(TopK(20), toys.Learned.of(8), toys.Learned.of(8, seed=1))
    row, hidden = jnp.asarray(VALID["mild"]), jnp.linspace(-1, 1, 8)
    t1, t2 = (float(sampler[i].temperature(hidden)) for i in (1, 2))
    got = np.asarray(sampler(row, None, hidden))
    expected = np.asarray(TopK(20)(row))
    np.testing.assert_allclose(got, (expected - expected.max()) / (t1 * t2), rtol=1e-5)


def test_a_function_is_static_and_a_partials_arguments_are_leaves(counted):
    assert isinstance(chain(toys.halve)[0], Function)
    assert jax.tree.leaves(chain(toys.halve)) == []
    assert jax.tree.structure(chain(toys.halve)) == jax.tree.structure(chain(toys.halve))
    assert jax.tree.leaves(chain(Partial(toys.scale, 2.0))) == [2.0]

    run = counted(lambda s, x: s(x))
    jitted = jax.jit(run)
    for factor in (0.5, 2.0):
        sampler = chain(Partial(toys.scale, jnp.float32(factor)))
        np.testing.assert_array_equal(jitted(sampler, jnp.ones(3)), np.full(3, factor))
    assert run.traces == 1


def test_functions_run_where_they_stand():
    row = jnp.asarray(VALID["mild"])
    np.testing.assert_array_equal(chain(TopK(3), toys.halve)(row), TopK(3)(row) * 0.5)
    kept = np.isfinite(chain(toys.halve, MinP(0.1))(row))
    np.testing.assert_array_equal(kept, np.isfinite(MinP(0.1)(row * 0.5)))
    assert kept.sum() != np.isfinite(MinP(0.1)(row)).sum()
    assert chain(toys.halve)(row).shape == (V,)


def test_empty_chains_stack():
    assert repr(stack([chain(), chain()])) == "chain()"
