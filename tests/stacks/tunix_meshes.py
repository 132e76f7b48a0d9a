"""The policy trains on one device and its rollouts run on another; run by test_tunix_loop."""

import functools

import jax
import numpy as np
import optax
from flax import nnx
from tunix.rl import rl_cluster
from tunix.rl.rollout import base_rollout

from jaxsample import TopK
from jaxsample.interop.tunix import Rollout
from tests.stacks.tunix_policy import PROMPTS, Words, adapt, mesh_of, policy

there, here = (mesh_of([device]) for device in jax.devices())
roles = rl_cluster.Role
cluster = rl_cluster.RLCluster(
    actor=policy(),
    tokenizer=Words(),
    cluster_config=rl_cluster.ClusterConfig(
        role_to_mesh={roles.ACTOR: there, roles.REFERENCE: there, roles.ROLLOUT: here},
        rollout_engine=functools.partial(Rollout, sampler=TopK(1), adapt=adapt),
        rollout_config=base_rollout.RolloutConfig(max_tokens_to_generate=8, max_prompt_length=4),
        training_config=rl_cluster.RLTrainingConfig(
            actor_optimizer=optax.adam(0.03), eval_every_n_steps=10**6, max_steps=1
        ),
    ),
)
actor, rollout = cluster.actor_trainer.model, cluster.rollout.model()
assert actor is not rollout
assert {leaf.sharding.mesh for leaf in jax.tree.leaves(nnx.state(rollout))} == {here}
before = cluster.generate(PROMPTS).text
nnx.update(actor, jax.tree.map(lambda x: x[..., ::-1], nnx.state(actor)))
assert cluster.generate(PROMPTS).text == before, "the rollout has weights of its own"
cluster.sync_weights()
for leaf, sent in zip(*(jax.tree.leaves(nnx.state(m)) for m in (rollout, actor)), strict=True):
    np.testing.assert_array_equal(leaf, sent)
    assert leaf.sharding.mesh == here
assert cluster.generate(PROMPTS).text != before
