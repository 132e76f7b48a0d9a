"""tunix trains a policy by GRPO on rollouts that a sampler of this library draws."""

import dataclasses
import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Allow, EntropyTemperature, MinP, Temperature, TopK, chain, generate, score

pytest.importorskip("tunix", reason="pip install google-tunix")

import optax
from flax import nnx
from tunix.rl import rl_cluster
from tunix.rl.grpo import grpo_learner
from tunix.rl.rollout import base_rollout, vanilla_rollout

from jaxsample.interop.tunix import Rollout
from tests.stacks.tunix_policy import BOS, EOS, PAD, PROMPTS, V, Words, adapt, mesh_of, policy

pytestmark = pytest.mark.peers

SAMPLER = chain(EntropyTemperature(1.0, 0.1), MinP(0.02))
SETTINGS = base_rollout.RolloutConfig(
    max_tokens_to_generate=8, max_prompt_length=4, kv_cache_size=16, temperature=1.0
)
STEPS = 12


class Training(NamedTuple):
    """A cluster after its training, its policy before, and the rollouts on the way."""

    cluster: rl_cluster.RLCluster
    before: object
    rollouts: list


def sevens(prompts, completions, **_):
    """The share of the token 7, which a policy learns in a few steps."""
    del prompts
    return [float(np.mean([word == "t7" for word in c.split()] or [0.0])) for c in completions]


@pytest.fixture(scope="module")
def training():
    rollouts = []
    engine = functools.partial(
        Rollout,
        sampler=SAMPLER,
        adapt=adapt,
        key=jax.random.key(1),
        record=[("support", V)],
        on_rollout=rollouts.append,
    )
    mesh = mesh_of(jax.devices()[:1])
    roles = rl_cluster.Role
    cluster = rl_cluster.RLCluster(
        actor=policy(),
        reference=policy(),
        tokenizer=Words(),
        cluster_config=rl_cluster.ClusterConfig(
            role_to_mesh={role: mesh for role in (roles.ACTOR, roles.REFERENCE, roles.ROLLOUT)},
            rollout_engine=engine,
            rollout_config=SETTINGS,
            training_config=rl_cluster.RLTrainingConfig(
                actor_optimizer=optax.adam(0.03),
                eval_every_n_steps=10**6,
                max_steps=2 * STEPS,
                mini_batch_size=len(PROMPTS),
                data_sharding_axis=("fsdp",),
            ),
        ),
    )
    before = jax.tree.map(jnp.array, adapt(cluster.actor_trainer.model)[1])
    algorithm = grpo_learner.GRPOConfig(num_generations=8, num_iterations=2, beta=0.01)
    learner = grpo_learner.GRPOLearner(cluster, algorithm, sevens)
    learner.train([{"prompts": np.array(PROMPTS)} for _ in range(STEPS)])
    return Training(cluster, before, rollouts)


def test_the_policy_learns_from_its_rollouts(training):
    assert len(training.rollouts) == STEPS
    shares = [np.mean(np.asarray(drawn.tokens) == 7) for drawn in training.rollouts]
    assert np.mean(shares[:3]) < 0.1, "one of 61 tokens"
    assert np.mean(shares[-3:]) > 0.5, f"the rewarded token is most of the last rollouts: {shares}"


def prompts_of(rows):
    """The prompts as tokens, padded on the right, and their lengths."""
    ids = [[BOS, *Words().encode(row)] for row in rows]
    padded = np.array([row + [PAD] * (4 - len(row)) for row in ids])
    return padded, np.array([len(row) for row in ids])


def test_a_rollout_records_the_sampler_that_drew_it(training):
    first = training.rollouts[0]
    rows = [prompt for prompt in PROMPTS for _ in range(8)]
    prompts, lengths = prompts_of(rows)
    model, _ = adapt(training.cluster.actor_trainer.model)
    options = dict(lengths=lengths, token_lengths=first.lengths)
    given = model, training.before, prompts, first.tokens, SAMPLER
    # score runs the model over all tokens at once, which rounds in another order.
    again = score(*given, **options)
    np.testing.assert_allclose(first.logprobs, again.logprobs, atol=1e-4)
    replayed = score(*given, support=first.support, **options)
    np.testing.assert_allclose(first.logprobs, replayed.logprobs, atol=1e-4)
    live = np.arange(8) < np.asarray(first.lengths)[:, None]
    kept = (np.asarray(first.support.ids) == np.asarray(first.tokens)[..., None]).any(-1)
    assert kept[live].all() and not np.asarray(first.support.larger)[live].any()
    sizes = (np.asarray(first.support.ids) >= 0).sum(-1)[live]
    assert sizes.min() < V, "min-p dropped tokens"
    assert np.unique(np.asarray(first.tokens)[:8], axis=0).shape[0] > 1, "a group is no copy"


def test_rollouts_follow_the_trained_weights(training):
    cluster = training.cluster
    drawn = cluster.generate(PROMPTS)
    prompts, lengths = prompts_of(PROMPTS)
    model, params = adapt(cluster.actor_trainer.model)
    key = jax.random.fold_in(jax.random.key(1), STEPS)
    options = dict(max_new_tokens=8, lengths=lengths, eos=EOS, pad=PAD)
    again = generate(key, model, params, prompts, SAMPLER, **options)
    for row, tokens, end in zip(drawn.tokens, again.tokens, again.lengths, strict=True):
        np.testing.assert_array_equal(row, tokens[:end])
    assert [len(p) for p in drawn.logprobs] == [len(t) for t in drawn.tokens]


def test_the_ratio_of_an_unchanged_policy_is_one(training):
    """tunix divides new log-probabilities by those that the rollout recomputes."""
    rollout = training.cluster.rollout
    drawn = training.cluster.generate(PROMPTS)
    rows = [np.r_[row, [PAD] * (8 - len(row))] for row in drawn.tokens]
    given = jnp.array(drawn.left_padded_prompt_tokens), jnp.array(rows, jnp.int32)
    old = rollout.get_per_token_logps(*given)
    new = training.cluster.get_ref_per_token_logps(*given, PAD, EOS)
    assert old.shape == new.shape == (len(PROMPTS), 8)
    anchor = Rollout(policy(), Words(), None, SETTINGS, sampler=SAMPLER, adapt=adapt)
    # The reference is the policy before the training; float32 sums of 61 terms.
    np.testing.assert_allclose(anchor.get_per_token_logps(*given), new, atol=1e-5)


def test_recomputed_log_probabilities_have_the_temperature_of_the_loss():
    settings = dataclasses.replace(SETTINGS, temperature=0.7)
    rollout = Rollout(policy(), Words(), None, settings, sampler=chain(), adapt=adapt)
    drawn = rollout.generate(PROMPTS, settings)
    rows = np.array([np.r_[row, [PAD] * (8 - len(row))] for row in drawn.tokens], np.int32)
    got = rollout.get_per_token_logps(jnp.array(drawn.left_padded_prompt_tokens), jnp.array(rows))
    model, params = adapt(rollout.model())
    prompts, lengths = prompts_of(PROMPTS)
    want = score(model, params, prompts, rows, Temperature(0.7), lengths=lengths).logprobs
    live = rows != PAD  # tunix masks what it takes for padding
    # The two run the model in other orders of summation.
    np.testing.assert_allclose(np.asarray(got)[live], np.asarray(want)[live], atol=1e-4)


def test_greedy_rollouts_equal_those_of_tunix():
    module = policy()
    ours = Rollout(module, Words(), sampler=TopK(1), adapt=adapt)
    cache = base_rollout.CacheConfig(cache_size=32, num_layers=1, num_kv_heads=2, head_dim=8)
    theirs = vanilla_rollout.VanillaRollout(module, Words(), cache)
    settings = base_rollout.RolloutConfig(max_tokens_to_generate=8, max_prompt_length=2, top_p=None)
    got, want = (engine.generate(PROMPTS, settings) for engine in (ours, theirs))
    np.testing.assert_array_equal(got.left_padded_prompt_tokens, want.left_padded_prompt_tokens)
    assert got.text == want.text
    for one, other in zip(got.tokens, want.tokens, strict=True):
        np.testing.assert_array_equal(one[one != EOS], other)


def test_calls_draw_with_keys_of_their_own():
    make = functools.partial(Rollout, policy(), Words(), sampler=chain(), adapt=adapt)
    one, two = make(), make()
    first, second = (one.generate(PROMPTS, SETTINGS).text for _ in range(2))
    assert first != second
    assert [two.generate(PROMPTS, SETTINGS).text for _ in range(2)] == [first, second]
    assert make(key=jax.random.key(9)).generate(PROMPTS, SETTINGS).text != first


def test_settings_that_would_be_ignored_and_broken_policies_raise():
    rollout = Rollout(policy(), Words(), sampler=SAMPLER, adapt=adapt)
    for setting in (dict(top_k=5), dict(top_p=0.9)):
        with pytest.raises(ValueError, match="put TopK and TopP into it"):
            rollout.generate(PROMPTS, base_rollout.RolloutConfig(**setting))
    none = Rollout(policy(), Words(), sampler=Allow([V]), adapt=adapt)
    with pytest.raises(ValueError, match=r"Allow.* makes logits .* in 4 of 4 rows"):
        none.generate(PROMPTS, SETTINGS)
    nnx.update(rollout.model(), jax.tree.map(lambda x: x * jnp.nan, nnx.state(rollout.model())))
    with pytest.raises(ValueError, match="in 4 of 4 rows, the first is the prompt 't3 t4 t5'"):
        rollout.generate(PROMPTS, SETTINGS)
    with pytest.raises(ValueError, match="must be a transform"):
        Rollout(policy(), Words(), sampler=0.9, adapt=adapt)  # type: ignore[arg-type]


def test_a_rollout_on_devices_of_its_own_receives_every_update():
    program = Path(__file__).with_name("tunix_meshes.py")
    flags = os.environ | dict(XLA_FLAGS="--xla_force_host_platform_device_count=2")
    command = [sys.executable, "-m", "tests.stacks.tunix_meshes"]
    root = program.parents[2]
    done = subprocess.run(command, env=flags, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
