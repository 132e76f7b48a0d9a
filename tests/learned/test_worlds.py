"""Worlds are as their docstrings say, and divergences follow their definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from benchmarks.experiments.learned.contexts import (
    Contexts,
    divergence,
    divergence_at,
    examples,
    per_unit,
    take,
)
from benchmarks.experiments.learned.smoothing import smoothed
from benchmarks.experiments.learned.stories import STYLES, Sizes, story
from benchmarks.experiments.learned.worlds import NAMES, build
from jaxsample import Mirostat, Temperature, TopP, chain
from jaxsample_models.stories import KINDS, Grammar

SMALL = Sizes(8, 4, 24)


def mean(kl, contexts):
    return float(per_unit(kl, contexts.live)[1])


@pytest.mark.slow
def test_parts_of_a_story_world_share_no_story():
    world = story("shift_0.4", SMALL)
    seen = set()
    for part, size in SMALL._asdict().items():
        contexts = getattr(world, part)
        tokens, live, kinds = (
            np.asarray(x) for x in (contexts.tokens, contexts.live, contexts.kinds)
        )
        assert len(tokens) == size
        seen |= {tuple(row) for row in tokens}
        truth = np.asarray(contexts.truth)
        np.testing.assert_allclose(truth.sum(axis=-1), live, atol=1e-5)
        assert np.all(np.take_along_axis(truth, tokens[..., None], axis=-1)[live] > 0)
        assert np.array_equal(kinds >= 0, live) and not tokens[~live].any()
        assert [Grammar().parse([1, *row[row > 0]]).accepted for row in tokens] == [True] * size
        np.testing.assert_array_equal(examples(contexts).token_lengths, live.sum(axis=1))
    assert len(seen) == sum(SMALL)


@pytest.mark.slow
def test_a_shift_of_style_is_a_temperature_at_open_slots():
    """The closed form leaves almost none of the KL of the shift; one temperature leaves more."""
    plain, ideal, fixed = {}, {}, {}
    for name in ("story", "shift_0.4", "shift_2.5"):
        world = story(name, SMALL)
        plain[name] = mean(divergence(Temperature(1.0), world.test), world.test)
        ideal[name] = mean(divergence_at(world.ideal["test"], world.test), world.test)
        fixed[name] = min(
            mean(divergence(Temperature(t), world.test), world.test)
            for t in np.geomspace(1.0, 1 / STYLES[name], 6)
        )
        is_open = np.asarray(world.test.kinds) == KINDS.index("open")
        assert set(np.unique(np.asarray(world.ideal["test"])[~is_open])) == {1.0}
    assert plain["story"] == ideal["story"] < 1e-4
    assert ideal["shift_2.5"] < 0.002 * plain["shift_2.5"]
    assert ideal["shift_0.4"] < 0.15 * plain["shift_0.4"]
    assert fixed["shift_0.4"] > 1.5 * ideal["shift_0.4"]
    assert fixed["shift_2.5"] > 20 * ideal["shift_2.5"]


def test_the_interval_of_the_leaky_world_is_exact():
    world = smoothed()
    low, high = world.interval
    test = world.test
    worst = {p: float(jnp.max(divergence(TopP(p), test))) for p in (low + 1e-4, 0.88, high - 1e-4)}
    assert max(worst.values()) < 1e-6
    everything = jax.tree.map(lambda *parts: jnp.concatenate(parts), *world[2:5])
    assert jnp.max(divergence(TopP(low - 1e-4), everything)) == jnp.inf
    assert mean(divergence(TopP(high + 0.01), test), test) > 0.01
    assert min(mean(divergence(Temperature(t), test), test) for t in (0.6, 0.7, 0.8, 1.0)) > 0.02
    with pytest.raises(ValueError, match="below"):
        smoothed(leak=0.5)


def random_contexts(units=3, length=5, vocab=12):
    rng = np.random.default_rng(0)
    live = np.arange(length) < rng.integers(2, length + 1, size=units)[:, None]
    return Contexts(
        jnp.asarray(2 * rng.normal(size=(units, length, vocab)), jnp.float32),
        jnp.zeros((units, length, 1)),
        jnp.asarray(rng.dirichlet(np.ones(vocab), (units, length)), jnp.float32),
        jnp.asarray(rng.integers(vocab, size=(units, length)), jnp.int32),
        jnp.asarray(live),
        jnp.where(live, 0, -1).astype(jnp.int8),
    )


@pytest.mark.parametrize(
    "sampler",
    [Temperature(0.7), chain(Temperature(0.9), Mirostat(2.0, 0.3))],
    ids=["without state", "with state"],
)
def test_divergence_is_that_of_a_loop(sampler):
    contexts = random_contexts()
    got = divergence(sampler, contexts)
    for i in range(len(contexts.tokens)):
        state = sampler.init(None, None)
        for t in range(int(contexts.live[i].sum())):
            logits, truth = contexts.logits[i, t], np.asarray(contexts.truth[i, t], np.float64)
            logprobs = special.log_softmax(np.asarray(sampler(logits, state), np.float64))
            want = np.sum(special.rel_entr(truth, np.exp(logprobs)))
            assert float(got[i, t]) == pytest.approx(want, rel=1e-4, abs=1e-6)
            state = sampler.update(state, logits, contexts.tokens[i, t])
    assert not got[~np.asarray(contexts.live)].any()


def test_divergence_compiles_once_for_all_values(counted):
    seen = counted(divergence.__wrapped__)
    jitted = jax.jit(seen)
    contexts = take(random_contexts(), slice(0, 2))
    for value in (0.5, 1.0, 2.0):
        jitted(Temperature(value), contexts)
    assert seen.traces == 1


def test_means_weigh_tokens_alike():
    kl, live = jnp.array([[1.0, 9.0], [2.0, 4.0]]), jnp.array([[True, False], [True, True]])
    units, total = per_unit(kl, live)
    np.testing.assert_allclose(units, [1.0, 3.0])
    assert float(total) == pytest.approx(7 / 3)


def test_names():
    assert len(NAMES) == 11
    with pytest.raises(ValueError, match="crossed"):
        build("nowhere")
