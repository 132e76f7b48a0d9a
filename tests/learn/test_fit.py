"""Training finds samplers that are known to be right, and names what it cannot learn from."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxsample import EntropyTemperature, MinP, Temperature, TopK, TopP, chain
from jaxsample.learn import (
    Examples,
    Learned,
    Policy,
    cross_entropy,
    fit,
    logprobs,
    remember,
)
from tests.decode.models import RECURRENT, D, V, recurrent_params
from tests.learn import crossed

ADAM = optax.adam(optax.cosine_decay_schedule(1e-2, 600))
FAST = optax.adam(3e-2)

# One structure and one batch size for most tests, so that they share compiled programs. The right
# temperature depends on the hidden state alone, and features are costly to compile.
POLICY = Learned(Policy(features=(), hidden_size=crossed.D, width=16, rngs=nnx.Rngs(0)))
DATA = crossed.draw(jax.random.key(3), 64)._replace(prompts=None)
KEY = jax.random.key(0)


def streamed(key):
    return crossed.draw(key)._replace(prompts=None)


def test_a_policy_comes_near_the_temperature_of_each_context():
    found = fit(KEY, POLICY, None, None, streamed, steps=100, every=100, optimizer=FAST).sampler
    plain = crossed.divergence(chain())
    assert plain > 0.1
    assert crossed.divergence(found) < plain / 4


def test_the_bar_goes_to_standard_error(capsys):
    fit(KEY, POLICY, None, None, streamed, steps=1, every=1, optimizer=FAST, progress=True)
    shown = capsys.readouterr()
    assert not shown.out
    assert "loss" in shown.err


@pytest.mark.slow
def test_a_policy_finds_the_temperature_of_each_context():
    sampler = Learned(Policy(hidden_size=crossed.D, width=16, rngs=nnx.Rngs(0)))
    found = fit(
        jax.random.key(1), sampler, None, None, streamed, steps=600, every=600, optimizer=ADAM
    ).sampler
    # Half a percent of what plain sampling loses; labels are noisy, so not zero.
    assert crossed.divergence(found) < 0.005


def test_a_fixed_temperature_is_that_of_newton():
    """Cross-entropy is least where the mean logit under the sampler is that of the texts."""
    data = crossed.draw(jax.random.key(3), 256)._replace(prompts=None)
    found = fit(
        jax.random.key(1), Temperature(1.0), None, None, data, steps=300, batch_size=256,
        every=300, optimizer=FAST,
    ).sampler  # fmt: skip
    rows, labels = data.logits[:, 0], data.tokens[:, 0]
    q = jax.nn.softmax(rows / found.value)
    gap = jnp.mean(jnp.sum(q * rows, -1) - jnp.take_along_axis(rows, labels[:, None], 1)[:, 0])
    assert abs(float(gap)) < 1e-3


@pytest.mark.parametrize(
    "sampler",
    [
        chain(EntropyTemperature(1.0, 0.5), TopP(0.95)),
        Learned(Policy("edt", per="corpus", rngs=nnx.Rngs(0))),
        pytest.param(
            Learned(Policy("edt", per="instance", features=(), hidden_size=4, rngs=nnx.Rngs(0))),
            marks=pytest.mark.full,
        ),
    ],
)
def test_rungs_of_the_ladder_and_any_chain_train(sampler):
    got = fit(KEY, sampler, None, None, DATA, steps=4, batch_size=32, every=2)
    assert jax.tree.structure(got.sampler) == jax.tree.structure(sampler)
    assert np.isfinite([entry["loss"] for entry in got.history]).all()
    assert any(
        np.any(np.asarray(a) != np.asarray(b))
        for a, b in zip(jax.tree.leaves(got.sampler), jax.tree.leaves(sampler), strict=True)
    )


def test_microbatches_change_memory_and_not_the_gradient():
    whole, parts = (
        fit(KEY, POLICY, None, None, DATA, steps=3, batch_size=64, every=3,
            optimizer=FAST, microbatches=n).sampler
        for n in (1, 4)
    )  # fmt: skip
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)  # sums in another order, divided by Adam


def test_the_model_is_asked_once_or_every_time_with_one_result(tmp_path):
    params = recurrent_params()
    prompts = jax.random.randint(jax.random.key(0), (5, 3), 0, V)
    tokens = jax.random.randint(jax.random.key(1), (5, 4), 0, V)
    asked = Examples(tokens, jnp.array([4, 1, 3, 4, 2]), prompts, jnp.array([3, 1, 2, 3, 3]))
    asked = asked.checked()
    kept = remember(RECURRENT, params, asked, tmp_path, batch_size=2)
    assert kept.logits is None and kept.hidden.shape == (5, 4, D)
    assert (tmp_path / "hidden.npy").exists()
    sampler = Temperature(0.7)
    compiled = jax.jit(logprobs, static_argnums=2)
    expected, got = (compiled(sampler, batch, RECURRENT, params) for batch in (asked, kept))
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_nothing_is_traced_twice_over_epochs():
    traces = []

    def counted(*args):
        traces.append(1)
        return cross_entropy(*args)

    fit(KEY, Temperature(1.0), None, None, DATA, steps=12, batch_size=16,
        every=4, objective=counted)  # fmt: skip
    assert len(traces) == 1


def test_training_stops_early_and_keeps_the_best():
    data = crossed.draw(jax.random.key(3), 32)._replace(prompts=None)
    held_out = crossed.draw(jax.random.key(4), 64)._replace(prompts=None)
    sampler = Learned(Policy(features=(), hidden_size=crossed.D, width=32, rngs=nnx.Rngs(0)))
    got = fit(KEY, sampler, None, None, data, steps=400, batch_size=32, every=10,
              optimizer=FAST, held_out=held_out, patience=3)  # fmt: skip
    losses = [entry["held_out"] for entry in got.history]
    assert got.steps < 400
    assert got.loss == pytest.approx(min(losses))
    assert min(losses) < losses[-1]


def test_what_is_past_the_end_of_a_text_does_not_matter():
    pad = [(0, 0), (0, 1), (0, 0)]
    padded = DATA._replace(
        tokens=np.pad(DATA.tokens, pad[:2], constant_values=-100),
        token_lengths=np.ones(64, np.int32),
        logits=np.pad(DATA.logits, pad),
        hidden=np.pad(DATA.hidden, pad, constant_values=np.nan),
    )
    found = fit(KEY, POLICY, None, None, padded, steps=1, batch_size=64)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found.sampler.params))
    assert found.history[0]["loss"] == pytest.approx(
        -float(jnp.mean(jax.jit(logprobs)(POLICY, DATA.checked()))), rel=1e-5
    )


def test_a_filter_that_is_off_stays_off_and_harden_says_so():
    sampler = chain(Temperature(1.0), TopP(1.0), MinP(0.0))
    _, p, least = fit(KEY, sampler, None, None, DATA, steps=1).sampler
    assert p.p == 1.0 and least.p == 0.0


def test_what_cannot_be_learned_from_is_named():
    broken = DATA._replace(logits=DATA.logits.at[0].set(jnp.nan))

    def run(sampler=None, data=DATA, **arguments):
        sampler = sampler or Temperature(1.0)
        return fit(KEY, sampler, None, None, data, steps=2, batch_size=64, **arguments)

    with pytest.raises(ValueError, match="nothing to learn from"):
        run(data=Examples(jnp.zeros((0, 4), jnp.int32), logits=jnp.zeros((0, 4, 8))))
    with pytest.raises(ValueError, match="nothing in .*TopK.* can be trained"):
        run(TopK(5))
    with pytest.raises(FloatingPointError, match="loss at step 1 is nan.* a NaN in the examples"):
        run(data=broken)
    with pytest.raises(FloatingPointError, match="held-out loss is nan.* a NaN in the examples"):
        run(held_out=broken)
    with pytest.raises(FloatingPointError, match="loss at step 1 is inf"):
        run(chain(Temperature(1.0), TopK(1)))
    with pytest.raises(ValueError, match="a model is needed"):
        run(data=DATA._replace(logits=None))
    with pytest.raises(
        ValueError, match=r"data must be Examples, Pairs or a function .* got \[1\]"
    ):
        run(data=[1])
    with pytest.raises(ValueError, match="multiple of microbatches"):
        run(microbatches=3)
    with pytest.raises(ValueError, match="patience needs held_out"):
        run(patience=2)
    with pytest.raises(ValueError, match="examples need prompts"):
        run(data=Examples(jnp.zeros((2, 4), jnp.int32)))
    with pytest.raises(ValueError, match=r"hidden state \[9\], got \[4\]"):
        run(Learned(Policy(hidden_size=9, rngs=nnx.Rngs(0))))
