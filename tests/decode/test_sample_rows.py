"""`sample_rows` equals `sample` with the key of each row, and says what an invalid row draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType

from jaxsample import (
    MinP,
    PresencePenalty,
    Prompt,
    Temperature,
    chain,
    sample,
    sample_rows,
)

KEY = jax.random.key(3)
LOGITS = 3 * jax.random.normal(jax.random.key(1), (2, 3, 50))
INVALID = LOGITS.at[1, 2].set(jnp.nan).at[0, 1].set(-jnp.inf)
SAMPLER = MinP(0.05)


def expected(keys, logits=LOGITS, sampler=SAMPLER):
    rows = logits.reshape(-1, logits.shape[-1])
    tokens = [sample(key, row, sampler) for key, row in zip(keys, rows, strict=True)]
    return np.reshape(tokens, logits.shape[:-1])


def test_every_row_draws_with_its_own_key():
    keys = [jax.random.fold_in(KEY, b) for b in range(6)]
    tokens = sample_rows(KEY, LOGITS, SAMPLER)
    np.testing.assert_array_equal(tokens, expected(keys))
    assert tokens.dtype == jnp.int32
    for other in (jax.jit(sample_rows), lambda *a: sample_rows(*a, invalid="raise")):
        again = other(KEY, LOGITS, SAMPLER)
        np.testing.assert_array_equal(again, tokens)
        assert isinstance(again, jax.Array)
    legacy = jax.random.key_data(KEY)
    np.testing.assert_array_equal(sample_rows(legacy, np.asarray(LOGITS), SAMPLER), tokens)
    assert sample_rows(KEY, LOGITS[0, 0], SAMPLER) == tokens[0, 0]
    assert sample_rows(KEY, LOGITS[:0], SAMPLER).shape == (0, 3)


def test_keys_of_rows_are_taken_as_they_are():
    keys = jax.random.split(KEY, (2, 3))
    want = expected(keys.reshape(-1))
    np.testing.assert_array_equal(sample_rows(keys, LOGITS, SAMPLER), want)
    np.testing.assert_array_equal(sample_rows(jax.random.key_data(keys), LOGITS, SAMPLER), want)


def test_states_of_rows_are_used():
    penalty = chain(PresencePenalty(100.0))
    prompt = Prompt.of([0], vocab_size=50, budget=1)
    start = penalty.init(None, prompt)
    state = jax.tree.map(lambda x: jnp.broadcast_to(x, (2, 3, *x.shape)), start)
    first = sample_rows(KEY, LOGITS, penalty, state)
    after = jax.vmap(jax.vmap(penalty.update))(state, LOGITS, first)
    again = sample_rows(KEY, LOGITS, penalty, after)
    assert not np.any(again == first), "a token with this penalty is not drawn twice"


def test_no_value_compiles_anew(counted):
    run = counted(lambda key, row: row * 1.0)
    steps = jax.jit(lambda key, logits, sampler: sample_rows(key, run(key, logits), sampler))
    for t in (0.5, 0.75, 1):
        steps(KEY, LOGITS, chain(Temperature(t)))
    assert run.traces == 1


def test_an_invalid_row_draws_what_it_is_told():
    tokens = sample_rows(KEY, LOGITS, SAMPLER)
    for instead in (-1, 7, np.int64(49)):
        want = np.array(tokens)
        want[1, 2] = want[0, 1] = instead
        np.testing.assert_array_equal(sample_rows(KEY, INVALID, SAMPLER, invalid=instead), want)


def raising(key, logits):
    return sample_rows(key, logits, SAMPLER, invalid="raise")


@pytest.mark.parametrize(
    "run",
    [raising, jax.jit(raising), jax.jit(jax.vmap(raising, (None, 0)))],
    ids=["eager", "jit", "vmap"],
)
def test_an_invalid_row_can_raise(run):
    run(KEY, LOGITS)
    with pytest.raises(Exception, match=r"the logits of [12] of [36] rows are invalid"):
        jax.block_until_ready(run(KEY, INVALID))


def test_the_error_names_the_first_row_eagerly():
    with pytest.raises(ValueError, match=r"2 of 6 rows are invalid, the first at index \[0, 1\]"):
        raising(KEY, INVALID)


def test_a_check_lets_gradients_pass():
    got = jax.jit(jax.grad(lambda x: x.sum() + raising(KEY, x).astype(float).sum()))(LOGITS)
    np.testing.assert_array_equal(got, np.ones_like(LOGITS))


def test_explicit_axes():
    mesh = jax.make_mesh((1,), ("rows",), axis_types=(AxisType.Explicit,))
    with jax.set_mesh(mesh):
        logits = jax.device_put(LOGITS, jax.P("rows"))
        tokens = jax.jit(sample_rows)(KEY, logits, SAMPLER)
        assert jax.typeof(tokens).sharding.spec == jax.P("rows", None)
    np.testing.assert_array_equal(tokens, sample_rows(KEY, LOGITS, SAMPLER))


V = LOGITS.shape[-1]
BAD = {
    "sampler must be a transform": dict(sampler=0.9),
    "one key or one per row [2, 3], got shape [3]": dict(key=jax.random.split(KEY, 3)),
    "key must be a PRNG key": dict(key=3),
    "rows [.., V], got the number": dict(logits=1.0),
    "axes [2, 3] of the rows, got shape [2]": dict(state=(jnp.zeros(2),)),
    f"a token id below {V}, got -2": dict(invalid=-2),
    f"a token id below {V}, got {V}": dict(invalid=V),
    f"a token id below {V}, got None": dict(invalid=None),
    f"a token id below {V}, got True": dict(invalid=True),
}


@pytest.mark.parametrize("message", BAD)
def test_errors_name_the_value(message):
    arguments = dict(key=KEY, logits=LOGITS, sampler=SAMPLER) | BAD[message]
    with pytest.raises(ValueError) as error:
        sample_rows(**arguments)
    assert message in str(error.value)
