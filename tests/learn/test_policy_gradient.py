"""Options of the policy gradient, against sums over all texts of a tiny model."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxsample import Temperature, TopK
from jaxsample.learn import Examples, Group, PolicyGradient, Rewards, constrain, fit, unconstrain
from jaxsample.learn._surrogate import surrogate
from jaxsample.learn._training import Forms, draw_part
from tests.decode.models import RECURRENT, TABLE, TABLE_PARAMS, recurrent_params
from tests.learn import enumerated
from tests.learn.enumerated import ADVANTAGES, AT, BIGRAM, LENGTHS, PAIRS, REWARDS
from tests.table import swept


def reward(group):
    """Favour texts with many 2."""
    return jnp.sum(group.tokens == 2, axis=1).astype(jnp.float32) - 0.1 * group.lengths


PLAIN = PolicyGradient(Rewards(reward), enumerated.K, enumerated.N, eos=(enumerated.EOS,))


def assert_close(found, wanted):
    """Compare gradients in float32 of 225 pairs, each of the order of 1, with float64."""
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def value(at, kl=0.0, entropy=0.0):
    """Return the expected reward of a text less the expected sum of its costs."""
    return enumerated.chances(at) @ (REWARDS - enumerated.costs(at, kl, entropy).sum(1))


COSTS = (0.0, 0.0), (0.7, 0.3), (0.7, 0.0), (0.0, 0.3)


@pytest.mark.parametrize(("kl", "entropy"), swept(COSTS, COSTS[:2]))
def test_the_gradient_is_that_of_the_expected_reward_less_costs(kl, entropy):
    objective = dataclasses.replace(PLAIN, kl=kl, entropy=entropy)
    exact = enumerated.slope(lambda at: value(at, kl, entropy))
    assert_close(enumerated.expected(objective, enumerated.rollouts()), exact)


def test_costs_that_ignore_the_tokens_to_come_would_be_biased():
    """In this world the exact gradient differs from that of the costs of seen rows alone."""
    exact = enumerated.slope(lambda at: value(at, 0.7, 0.3) - value(at))
    chances = enumerated.chances(AT)
    seen = enumerated.slope(lambda at: -chances @ enumerated.costs(at, 0.7, 0.3).sum(1))
    assert np.abs(exact - seen).max() > 0.1 * np.abs(exact).max()


def test_per_text_weights_are_those_of_the_definition_and_biased():
    """Each reward, less the mean of all, is divided by the length of its text."""
    mean = enumerated.chances(AT) @ REWARDS
    wanted = enumerated.slope(lambda at: enumerated.chances(at) @ ((REWARDS - mean) / LENGTHS))
    found = enumerated.expected_of_surrogate(None, "text", enumerated.rollouts())
    assert_close(found, wanted)
    exact = enumerated.slope(value)
    assert (found * exact < 0).all()  # in this world it even goes the wrong way


def test_per_token_weights_divide_by_all_tokens_of_the_batch():
    chances, tokens = enumerated.pair_chances(AT), LENGTHS[PAIRS].sum(1)

    def mean(at):
        return chances @ ((ADVANTAGES * enumerated.logs(at).sum(1)[PAIRS]).sum(1) / tokens)

    found = enumerated.expected_of_surrogate(None, "token", enumerated.rollouts())
    assert_close(found, enumerated.slope(mean))


@pytest.mark.parametrize("clip", [None, 0.2])
def test_a_later_epoch_has_the_gradient_of_the_clipped_ratios(clip):
    now = np.array([0.4, 0.6])
    ratios = np.exp(enumerated.logs(now) - enumerated.logs(AT))[enumerated.LIVE]
    assert ratios.min() < 0.8 and ratios.max() > 1.2  # both ends are reached
    chances, advantages = enumerated.pair_chances(AT), ADVANTAGES[..., None]

    def mean(at):
        ratio = np.exp(enumerated.logs(at) - enumerated.logs(AT))[PAIRS]
        least = np.minimum if clip else lambda a, b: a
        held = np.clip(ratio, 1 - (clip or 0), 1 + (clip or 0))
        return chances @ least(ratio * advantages, held * advantages).sum((1, 2)) / enumerated.K

    pairs = enumerated.rollouts(AT, first=False)
    found = enumerated.expected_of_surrogate(clip, None, pairs, now)
    assert_close(found, enumerated.slope(mean, now))


def test_the_first_epoch_is_plain_bit_for_bit():
    off = dataclasses.replace(PLAIN, epochs=2, clip=0.2)
    plain = enumerated.losses(PLAIN, enumerated.edt(), enumerated.rollouts())
    first = enumerated.losses(off, enumerated.edt(), enumerated.rollouts(AT))
    jax.tree.map(np.testing.assert_array_equal, first, plain)
    again = enumerated.losses(off, enumerated.edt(), enumerated.rollouts(AT, first=False))
    # The ratio of equal probabilities, each rounded on its own.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), again, plain)


def test_rewards_without_a_baseline_are_unbiased_and_take_one_sample():
    """The gradient is compared with that of the baseline: their difference has mean 0."""
    plain = enumerated.rollouts()
    bare = plain._replace(advantages=jnp.asarray(REWARDS[PAIRS], jnp.float32)[:, None])
    found = enumerated.expected(PLAIN, bare)
    assert_close(found, enumerated.slope(value))
    one = jnp.int32(1)
    group = Group(jnp.array([[2, 2]]), jnp.array([2]), jnp.array([0]), one, jnp.array([0]), one)
    assert PolicyGradient(Rewards(reward, baseline=None), 1, 2).credit(group).advantages == 1.8
    with pytest.raises(ValueError, match="samples must be >= 2"):
        PolicyGradient(Rewards(reward), 1, 2)


PROMPTS = Examples(np.zeros((4, 1), np.int32), prompts=np.array([[1], [2], [2], [1]])).checked()


EPOCHS = dataclasses.replace(PLAIN, epochs=3, clip=0.1, kl=0.1)
RATE = 5.0
SGD = optax.sgd(RATE)


def fitted(steps, folder=None):
    """Train with epochs; all tests share the compiled programs."""
    return fit(
        jax.random.key(3), Temperature(1.0), *BIGRAM, PROMPTS, steps=steps, batch_size=4, every=1,
        objective=EPOCHS, optimizer=SGD, folder=folder,
    )  # fmt: skip


def test_epochs_update_several_times_on_the_texts_of_one_draw():
    start = Temperature(jnp.float32(1.0))

    @jax.jit
    def slope(raw, drawn):
        def loss(raw):
            total, count = EPOCHS(constrain(raw, start), drawn, jax.random.key(0), *BIGRAM)
            return total / count

        return jax.grad(loss)(raw).value

    found = fitted(1)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(3), 0), 0)
    raw, slopes = unconstrain(start, start), []
    forms = Forms(BIGRAM[0], EPOCHS, SGD)
    drawn = draw_part(forms, start, raw, PROMPTS, BIGRAM[1], key, jnp.float32(1.0))
    for _ in range(EPOCHS.epochs):
        slopes.append(float(slope(raw, drawn)))
        raw, drawn = raw.replace(value=raw.value - RATE * slopes[-1]), drawn.again()
    assert found.sampler.value == pytest.approx(float(constrain(raw, start).value), rel=1e-5)
    assert len(set(slopes)) == 3 and found.steps == 1


def test_epochs_resume_with_the_same_bits(tmp_path):
    whole = fitted(3, tmp_path / "whole")
    fitted(1, tmp_path / "parts")
    resumed = fitted(3, tmp_path / "parts")
    np.testing.assert_array_equal(resumed.sampler.value, whole.sampler.value)
    assert resumed.history == whole.history


@pytest.mark.slow
def test_a_model_reads_the_texts_of_several_epochs_once():
    params = recurrent_params()
    objective = dataclasses.replace(PLAIN, epochs=2, kl=0.1, max_new_tokens=4)
    sampler, key = Temperature(0.7), jax.random.key(0)
    drawn = jax.jit(objective.draw, static_argnums=3)(sampler, PROMPTS, key, RECURRENT, params)
    loss = jax.jit(objective, static_argnums=3)
    kept = loss(sampler, drawn, key, RECURRENT, params)
    asked = drawn._replace(texts=drawn.texts._replace(hidden=None))
    assert drawn.texts.hidden is not None and drawn.logprobs.shape == (4, 2, 4)
    np.testing.assert_allclose(kept, loss(sampler, asked, key, RECURRENT, params), rtol=1e-5)


@pytest.mark.parametrize("first", [True, False])
def test_a_token_that_can_no_longer_be_drawn_has_no_gradient(first):
    """In the first epoch too: the draw and the loss may round an edge differently."""
    pairs = enumerated.rollouts(AT, first=first)
    logprobs = jnp.where(pairs.texts.tokens == 1, -jnp.inf, -1.0)

    def loss(logprobs):
        return surrogate(0.2, None, jax.tree.map(lambda x: x[3], pairs), logprobs[3], None)[0]

    value, slopes = jax.jit(jax.value_and_grad(loss))(logprobs)
    assert np.isfinite(value) and np.isfinite(slopes).all()
    assert (slopes[logprobs == -jnp.inf] == 0).all() and (slopes != 0).any()


@pytest.mark.slow
def test_the_value_of_a_group_counts_its_costs():
    """A greedy sampler is -log p of its own token away from the model."""
    objective = dataclasses.replace(PLAIN, kl=0.5, max_new_tokens=3, eos=())
    value = jax.jit(objective.value, static_argnums=3)
    loss, count = value(TopK(1), PROMPTS, jax.random.key(0), *BIGRAM)
    tokens = PROMPTS.prompts[:, 0]
    total = 0.0
    for _ in range(3):
        row, tokens = tokens, np.argmax(enumerated.TABLE, axis=1)[tokens]
        total += np.sum(0.5 * -enumerated.MODEL_LOGS[row, tokens] - (tokens == 2)) + 0.1 * len(row)
    assert count == 4
    assert float(loss) == pytest.approx(total, rel=1e-5)


@pytest.mark.slow
def test_slots_record_the_same_log_probabilities():
    objective = dataclasses.replace(PLAIN, epochs=2, max_new_tokens=6, eos=range(0, 40, 3))
    key = jax.random.key(0)
    drawn, in_slots = (
        jax.jit(dataclasses.replace(objective, slots=slots).draw, static_argnums=3)(
            Temperature(0.6), PROMPTS, key, TABLE, TABLE_PARAMS
        )
        for slots in (None, 2)
    )
    np.testing.assert_array_equal(drawn.texts.tokens, in_slots.texts.tokens)
    np.testing.assert_allclose(drawn.logprobs, in_slots.logprobs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (dict(epochs=0), "epochs must be an int >= 1, got 0"),
        (dict(clip=0.0), r"clip must be > 0, or None for no clipping, got 0\.0"),
        (dict(kl=-1.0), r"kl must be >= 0, got -1\.0"),
        (dict(entropy=float("nan")), "entropy must be >= 0, got nan"),
        (dict(normalize="group"), "normalize must be among .* got 'group'"),
    ],
)
def test_options_out_of_range_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PLAIN, **option)
    with pytest.raises(ValueError, match='baseline must be "leave-one-out" or None'):
        Rewards(reward, baseline="mean")
