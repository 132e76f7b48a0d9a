"""Policies: their features, their ranges and their use in a chain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxsample import Temperature, TopP, chain, draw, generate, partition, sample, score, stack
from jaxsample.learn import DISTRIBUTION, Learned, Policy
from tests.decode.models import RECURRENT, D, V, recurrent_params
from tests.learn.policies import wild
from tests.oracles.learned import features
from tests.rows import VALID, bits

# float32 sums differ from float64 ones; most in the spread, which is a difference of squares.
SEEN = 2e-4
EVERY = *DISTRIBUTION, "nucleus"
HISTORY = "position", "surprisal"
HEADS = {"temperature": 1, "edt": 2, "nucleus": 3, "reshape": 9}  # how many numbers each chooses
PER = "corpus", "instance", "token"
SAMPLED = jax.jit(sample)
APPLIED = jax.jit(lambda sampler, row, state, hidden: sampler(row, state, hidden))


def test_features_equal_the_float64_oracle():
    """A policy per instance keeps the features of the first token in its state."""
    policy = Learned(Policy(per="instance", features=EVERY, width=4, rngs=nnx.Rngs(0)))
    seen = jax.jit(jax.vmap(lambda row: policy.update(None, row, jnp.argmax(row)).first))
    rows = {n: r for n, r in VALID.items() if n not in ("huge", "huge and alone", "far below")}
    got = seen(np.stack(list(rows.values())))
    for name, row, mine in zip(rows, rows.values(), got, strict=True):
        expected = features(EVERY, row)
        np.testing.assert_allclose(mine, expected, atol=SEEN, rtol=SEEN, err_msg=name)
    assert got.shape[1] == policy.policy.inputs


@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize("head", HEADS)
def test_a_fresh_policy_is_plain_sampling_bit_for_bit(head, per):
    row, hidden = jnp.asarray(VALID["mild"]), jnp.ones(4)
    names = "entropy", "top"
    fresh = Learned(Policy(head, per=per, features=names, hidden_size=4, width=8, rngs=nnx.Rngs(0)))
    np.testing.assert_array_equal(
        bits(APPLIED(fresh, row, None, hidden)), bits(APPLIED(Temperature(1.0), row, None, None))
    )


@pytest.mark.parametrize("head", HEADS)
def test_hyperparameters_stay_in_range_whatever_the_weights(head):
    policy = Policy(head, rngs=nnx.Rngs(0))
    for size in (1e4, -1e4):
        policy.bias[...] = jnp.full(HEADS[head], size)
        first, *filters = policy(jnp.zeros(policy.inputs))
        if head == "reshape":
            steepest = np.float32([10.001, 10.001, 10.001, 10.001, 1000.1])
            assert ((1 / 3.0001 <= first.slopes) & (first.slopes <= steepest)).all()
            assert (jnp.diff(first.knots, prepend=0) > 0).all()
            continue
        heat = first.t0 if head == "edt" else first.value
        assert 0.0999 <= heat <= 3.0001
        if head == "edt":
            assert abs(first.theta) <= 10.0001
        for t in filters:
            assert 0.0 <= t.p <= 1.0


@pytest.mark.parametrize(
    ("names", "others"),
    [(("entropy",), ()), pytest.param(DISTRIBUTION, (TopP(0.9),), marks=pytest.mark.slow)],
    ids=["one feature", "all features"],
)
def test_a_policy_samples_what_it_draws_from_whole_rows(names, others):
    size = 5000
    policy = Policy(features=names, hidden_size=4, width=8, rngs=nnx.Rngs(0))
    sampler = chain(wild(Learned(policy)), *others)
    noise = jax.random.normal(jax.random.key(0), (6, size))
    rows = noise * jnp.array([0.1, 1, 2, 4, 8, 16])[:, None]
    keys = jax.random.split(jax.random.key(1), 6)
    hidden = jax.random.normal(jax.random.key(2), (6, 4))

    @jax.jit
    def both(sampler):
        fast = jax.vmap(sample, (0, 0, None, None, 0))(keys, rows, sampler, None, hidden)
        dense = jax.vmap(lambda k, row, h: draw(k, sampler(row, None, h)))(keys, rows, hidden)
        return fast, dense

    np.testing.assert_array_equal(*both(sampler))


@pytest.mark.parametrize(
    ("per", "others"),
    [("instance", ()), pytest.param("token", (TopP(0.95),), marks=pytest.mark.slow)],
)
def test_score_equals_what_generate_recorded(per, others):
    names = ("entropy", *HISTORY)
    policy = wild(
        Learned(Policy(per=per, features=names, hidden_size=D, width=8, rngs=nnx.Rngs(0)))
    )
    sampler, params = chain(policy, *others), recurrent_params()
    prompts = jnp.array([[3, 4, 5], [7, 0, 0]])
    lengths = jnp.array([3, 1])
    drawn = generate(
        jax.random.key(0), RECURRENT, params, prompts, sampler, max_new_tokens=6, lengths=lengths
    )
    seen = score(RECURRENT, params, prompts, drawn.tokens, sampler, lengths=lengths)
    np.testing.assert_allclose(seen.logprobs, drawn.logprobs, atol=1e-5)
    assert drawn.decoding.state[0].n.tolist() == [6, 6]


@pytest.mark.parametrize("head", HEADS)
def test_a_policy_whose_output_is_nan_makes_the_row_invalid(head):
    fresh = Learned(Policy(head, features=("entropy",), width=8, rngs=nnx.Rngs(0)))
    broken = fresh.replace(params=jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), fresh.params))
    row = jnp.asarray(VALID["mild"])
    assert np.isnan(APPLIED(broken, row, None, None)).all()
    assert SAMPLED(jax.random.key(0), row, broken) == -1


def test_an_instance_keeps_the_temperature_of_its_first_token():
    policy = wild(Learned(Policy(per="instance", features=("entropy",), width=8, rngs=nnx.Rngs(0))))
    flat, sharp = jnp.asarray(VALID["flat"]), jnp.asarray(VALID["sharp"])
    later = jax.jit(lambda row: policy.update(None, row, 3))(flat)

    def heat(row, state):
        changed = APPLIED(policy, row, state, None)
        return float((row[1] - row[0]) / (changed[1] - changed[0]))

    assert heat(sharp, later) == pytest.approx(heat(flat, None), rel=1e-4)
    assert heat(sharp, None) != pytest.approx(heat(flat, None), rel=1e-2)


def test_a_policy_per_row():
    names = ("entropy",)
    makers = [Learned(Policy(features=names, width=4, rngs=nnx.Rngs(i))) for i in range(2)]
    makers = [wild(m, 0.3 + i) for i, m in enumerate(makers)]
    rows = jnp.stack([VALID["mild"], VALID["flat"]])
    many = jax.jit(jax.vmap(lambda s, row: s(row)))(stack(makers), rows)
    for got, one, row in zip(many, makers, rows, strict=True):
        np.testing.assert_allclose(got, APPLIED(one, row, None, None), rtol=1e-5)


def test_only_the_weights_train():
    sampler = chain(Learned(Policy(width=4, rngs=nnx.Rngs(0))), TopP(0.9))
    trainable, rest = partition(sampler)
    assert len(jax.tree.leaves(trainable)) == len(jax.tree.leaves(sampler[0].params)) + 1
    assert len(jax.tree.leaves(rest)) == 1  # the sharpness


def test_what_makes_no_sense_is_refused_by_name():
    row = jnp.zeros(V)
    with pytest.raises(ValueError, match="head must be one of .*got 'heat'"):
        Policy("heat", rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="depth must be at most 128, got 1000000000"):
        Policy(depth=10**9, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="per must be one of"):
        Policy(per="batch", rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="features must be among .*got 'mood'"):
        Policy(features=("mood",), rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="t_min < 1 < t_max"):
        Policy(t_min=2.0, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="needs features or a hidden_size"):
        Policy(features=(), rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="Learned takes a Policy"):
        Learned(0.7)
    reader = Learned(Policy(hidden_size=4, rngs=nnx.Rngs(0)))
    with pytest.raises(ValueError, match="hidden state of 4 and got none"):
        jax.eval_shape(reader, row)
    with pytest.raises(ValueError, match=r"hidden state \[4\], got \[6\]"):
        jax.eval_shape(reader, row, None, jnp.zeros(6))
