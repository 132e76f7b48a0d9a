"""Curves give the surprise that the library computes, for every sampler that chooses T alone."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsample_models
from benchmarks.experiments.likelihood import curves, fixed, low_rank, policies, texts
from jaxsample import EntropyTemperature, Model, Temperature
from jaxsample.learn import logprobs
from tests.learn.policies import wild

GRID = curves.Grid.of({"octaves": [-5, 4], "per_octave": 4})
RUNGS = {
    "learned": {"hidden": True, "per": "token"},
    "distribution": {"hidden": False, "per": "token"},
    "instance": {"hidden": True, "per": "instance"},
}
PLAN = {"features": ["entropy"]}
# Cubics between four temperatures in an octave; the error of single tokens is largest where the
# mean logit changes quickly with T.
CLOSE = 1e-3


@pytest.fixture(scope="module")
def checkpoint():
    return jaxsample_models.embedded()


@pytest.fixture(scope="module")
def told(checkpoint):
    plan = {"style": 0.4, "train": 1, "val": 1, "test": 4}
    return texts.build("stories", None, checkpoint, plan)["test"]


@pytest.fixture(scope="module")
def found(checkpoint, told):
    policy = policies.untrained(PLAN, RUNGS["instance"], 4, checkpoint.config.dim, 0)
    return curves.read(checkpoint, told, policy, GRID, lambda: None)


@pytest.fixture(scope="module")
def expected(checkpoint, told):
    """Return the surprise of every token under a sampler, as the library computes it."""
    live = np.arange(told.tokens.shape[1]) < told.token_lengths[:, None]
    compiled = jax.jit(logprobs, static_argnums=2)
    return lambda s: -np.asarray(compiled(s, told, checkpoint.model, checkpoint.params))[live]


@pytest.mark.parametrize("t", [0.05, 0.3, 1.0, 1.7, 3.0])
def test_a_fixed_temperature(t, checkpoint, found, expected):
    got = fixed.surprise_of({"temperature": t}, found, GRID, checkpoint.config.vocab_size)
    np.testing.assert_allclose(got, expected(Temperature(t)), atol=CLOSE, rtol=1e-5)


@pytest.mark.parametrize("theta", [0.4, -0.4])
def test_edt(theta, checkpoint, found, expected):
    setting = {"t0": 1.2, "theta": theta}
    got = fixed.surprise_of(setting, found, GRID, checkpoint.config.vocab_size)
    exact = expected(EntropyTemperature(1.2, theta))
    here = exact < 1e4  # a row without entropy is greedy, and another token has no chance
    assert here.mean() > 0.9
    # The entropy of nearly sure rows is a difference of small numbers, and T depends on 1 / H.
    np.testing.assert_allclose(got[here], exact[here], atol=CLOSE, rtol=5e-3)


@pytest.mark.parametrize("rung", ["learned", pytest.param("instance", marks=pytest.mark.full)])
def test_a_policy(rung, checkpoint, found, expected):
    policy = policies.untrained(PLAN, RUNGS[rung], 4, checkpoint.config.dim, 0)
    got = policies.surprise_of(wild(policy), found, GRID)
    np.testing.assert_allclose(got, expected(wild(policy)), atol=CLOSE, rtol=1e-5)


def test_below_the_coldest_temperature_the_surprise_is_linear_and_its_slope_right():
    below, mine = jnp.array([[0.0, -1.0, -4.0]]), jnp.array([-1.0])
    pairs = [curves._surprise(below, mine, jnp.float32(log_t)) for log_t in GRID.log_t]
    surprise, slope = (jnp.stack(x, axis=1) for x in zip(*pairs, strict=True))
    log_t = jnp.log(jnp.array([0.01]))
    got = curves.at(GRID, surprise, slope, log_t)
    np.testing.assert_allclose(got, [100.0], rtol=1e-5)
    exact = lambda u: jnp.log(jnp.sum(jnp.exp(below[0] * jnp.exp(-u)))) + jnp.exp(-u)  # noqa: E731
    for u in (-1.0, 0.05, 0.7):
        slope_of = jax.grad(lambda u: curves.at(GRID, surprise, slope, u[None])[0])(jnp.float32(u))
        # The derivative of a cubic is less exact than its value.
        np.testing.assert_allclose(slope_of, jax.grad(exact)(u), atol=2e-3)


def test_the_best_temperature_of_a_text_is_no_worse_than_one_for_all(checkpoint, found):
    size = checkpoint.config.vocab_size
    each, token = fixed.best_per_unit(found, GRID), fixed.best_per_token(found, GRID)
    for t in (0.7, 1.0, 1.5):
        one = fixed.surprise_of({"temperature": t}, found, GRID, size)
        # Both look at some temperatures only.
        assert (found.per_unit(each) <= found.per_unit(one) + 1e-3).all()
        assert (token <= one + 1e-3).all()


def synthetic(count, seed):
    """Return curves whose best T is .5 or 2, and shows in the hidden state alone."""
    rng = np.random.default_rng(seed)
    hot = rng.integers(2, size=count)
    logits = rng.normal(size=(count, 8)).astype(np.float32) * 2
    truth = jax.nn.softmax(logits / np.where(hot, 2.0, 0.5)[:, None])
    chosen = np.cumsum(truth, axis=1) > rng.random((count, 1))
    token = np.argmax(chosen, axis=1)
    below = logits - logits.max(axis=1, keepdims=True)
    mine = below[np.arange(count), token]
    pairs = [curves._surprise(below, mine, jnp.float32(log_t)) for log_t in GRID.log_t]
    surprise, slope = (np.stack(x, axis=1) for x in zip(*pairs, strict=True))
    seen = np.stack([np.zeros(count), 2.0 * hot - 1, np.ones(count)], axis=1).astype(np.float32)
    units = np.arange(count) // 10
    return curves.Curves(surprise, slope, seen, np.ones(count), token, units)


@pytest.mark.slow
def test_a_policy_learns_from_curves_what_one_temperature_cannot_say():
    train, val, test = (synthetic(n, seed) for seed, n in enumerate((2000, 400, 2000)))
    start = [policies.untrained(PLAN, RUNGS["learned"], 8, 2, seed) for seed in (0, 1)]
    settings = dict(rate=2e-2, decay=0.0, batch=200, epochs=6, patience=3)
    trained = policies.train(start, train, val, GRID, **settings)
    best = min(fixed.surprise_of({"temperature": t}, test, GRID, 8).mean() for t in (0.8, 1, 1.2))
    for sampler in trained.samplers:
        assert policies.surprise_of(sampler, test, GRID).mean() < best - 0.02
        heats = np.exp(policies.log_temperatures(sampler, test.seen))
        hot = test.seen[:, 1] > 0
        np.testing.assert_allclose([heats[hot].mean(), heats[~hot].mean()], [2, 0.5], rtol=0.3)


def test_the_rival_learns_a_shift_of_the_hidden_state():
    """The texts come from the model with two axes of its hidden state exchanged."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(4, 8)).astype(np.float32) * 1.5
    model = Model(None, None, lambda params, hidden: hidden @ params)

    def part(count):
        hidden = rng.normal(size=(count, 4)).astype(np.float32)
        logits = hidden[:, [1, 0, 2, 3]] @ table
        token = np.argmax(logits + rng.gumbel(size=logits.shape), axis=1)
        none, units = np.zeros((count, 1), np.float32), np.zeros(count, int)
        return curves.Curves(none, none, hidden, np.ones(count, np.float32), token, units)

    train, val = part(2000), part(300)
    settings = dict(rank=2, size=4, rate=3e-2, decay=0.0, batch=100, epochs=4, patience=2, seed=0)
    tuned = low_rank.tune(model, table, train, val, step=lambda: None, **settings)
    nothing = jnp.zeros((2, 4)), jnp.zeros((4, 2))
    plain = low_rank.surprise_of(model, table, nothing, val, 128).mean()
    assert tuned.val < plain - 0.3
    assert low_rank.rank(42_000, 576) == 36


def test_texts_of_files(tmp_path, checkpoint):
    words = SimpleNamespace(ids=list(range(1000)))
    reader = SimpleNamespace(
        tokenizer=SimpleNamespace(encode=lambda text, **_: words),
        generation_config={"bos_token_id": 7},
    )
    path = tmp_path / "text.txt"
    path.write_text("all the words")
    plan = {"width": 10, "train": 3, "val": 1, "test": 1}
    parts = texts.build("shakespeare", path, reader, plan)
    assert parts["train"].tokens[0].tolist() == list(range(10))
    assert parts["test"].tokens[0].tolist() == list(range(990, 1000))
    assert parts["val"].prompts.tolist() == [[7]]
    with pytest.raises(ValueError, match="need 102"):
        texts.build("shakespeare", path, reader, plan | {"train": 100})
    lines = [{"question": "a dog", "answer": "the cat " * n} for n in (2, 900, 3, 4)]
    path.write_text("\n".join(map(json.dumps, lines)))
    plan = {"prompt": 30, "width": 60, "train": 1, "val": 1, "test": 1}
    parts = texts.build("gsm8k", path, checkpoint, plan)
    lengths = [int(part.token_lengths[0]) for part in parts.values()]
    assert lengths[0] < lengths[1] < lengths[2] <= 60
    assert parts["train"].prompts[0, 0] == checkpoint.generation_config["bos_token_id"]
