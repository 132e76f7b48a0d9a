"""Rollouts of tunix's reinforcement learning through a sampler of this library."""

# pyright: reportMissingImports=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx
from tunix.generate.tokenizer_adapter import TokenizerAdapter
from tunix.generate.utils import next_power_of_2
from tunix.rl import common, reshard
from tunix.rl import utils as rl_utils
from tunix.rl.rollout import base_rollout

from jaxsample.decode._generate import generate
from jaxsample.decode._generation import Generation
from jaxsample.decode._model import Model
from jaxsample.decode._sample import check_sampler
from jaxsample.transforms.contract._transform import Transform


class Rollout(base_rollout.BaseRollout):
    """A rollout engine for `tunix.rl.rl_cluster.ClusterConfig`, whose tokens a sampler draws.

    Give `functools.partial(Rollout, sampler=.., adapt=..)` to the cluster as its `rollout_engine`.

    The sampler alone decides how tokens are drawn. `RolloutConfig.top_k` and `top_p` belong into
    it. tunix's loss divides the logits by `RolloutConfig.temperature`; set it to the temperature of
    the sampler, or to 1 if it has none.

    The completions include the eos, so that the policy learns when to end. Their log-probabilities
    are those under the sampler, from which the tokens were drawn.

    Every call draws with a key of its own. Two runs with equal keys draw the same tokens.

    Args:
        rollout_actor, tokenizer, mesh, rollout_config: what tunix passes. A policy that lies on
            another mesh is copied to `mesh`, and tunix then sends it every update.
        sampler: any transform.
        adapt: `policy -> (Model, params)`. It is called for every rollout, and the params of each
            call are used with the model of the first.
        key: the PRNG key if `RolloutConfig.seed` is None.
        record: what each `Generation` holds besides "logprobs", as in `generate`: ("support", K)
            for the kept sets.
        on_rollout: called with the `Generation` of every rollout, without its cache; for example
            the `append` of a list.

    Raises:
        ValueError: if `sampler` is no transform.

    >>> import functools
    >>> sampler = chain(EntropyTemperature(t0=1.0, theta=0.1), MinP(0.05))
    >>> engine = functools.partial(Rollout, sampler=sampler, adapt=lambda policy: (bigram, table))
    >>> class Digits:
    ...     encode = lambda self, text: [int(digit) for digit in text]
    ...     decode = lambda self, ids: "".join(map(str, ids))
    ...     bos_id = lambda self: None
    ...     eos_id = lambda self: 3
    ...     pad_id = lambda self: 0
    >>> settings = base_rollout.RolloutConfig(max_tokens_to_generate=4, max_prompt_length=2)
    >>> engine(nnx.Module(), Digits()).generate(["01", "2"], settings).text
    ['2', '012']
    """

    def __init__(
        self,
        rollout_actor: nnx.Module,
        tokenizer: Any,
        mesh: jax.sharding.Mesh | None = None,
        rollout_config: base_rollout.RolloutConfig | None = None,
        *,
        sampler: Transform,
        adapt: Callable[[Any], tuple[Model, Any]],
        key: jax.Array | None = None,
        record: Sequence[Any] = (),
        on_rollout: Callable[[Generation], Any] | None = None,
    ):
        check_sampler(sampler)
        adapted = isinstance(tokenizer, TokenizerAdapter)
        self._tokenizer = tokenizer if adapted else TokenizerAdapter(tokenizer)
        self._policy = _on_mesh(rollout_actor, mesh)
        self._temperature = 1.0 if rollout_config is None else rollout_config.temperature
        self._sampler, self._adapt = sampler, adapt
        self._model = adapt(self._policy)[0]
        self._key = jax.random.key(0) if key is None else key
        self._record = tuple(dict.fromkeys(("logprobs", *record)))
        self._on_rollout = on_rollout
        self._calls = 0

    def generate(
        self, prompts: list[str], rollout_config: base_rollout.RolloutConfig, **kwargs: Any
    ) -> base_rollout.RolloutOutput:
        """Draw one completion of every prompt.

        Prompts are padded to `max_prompt_length`, or to the next power of two if one is longer, as
        tunix does.

        Raises:
            ValueError: if `rollout_config` sets `top_k` or `top_p`, or the policy or the
                sampler makes a row invalid: NaN, or -inf throughout.
        """
        del kwargs
        _refuse_filters(rollout_config)
        rows = [self._encode(prompt) for prompt in prompts]
        lengths = np.array([len(row) for row in rows])
        width = rollout_config.max_prompt_length
        width = width if lengths.max() <= width else next_power_of_2(int(lengths.max()))
        right, left = (np.full((len(rows), width), self.pad_id(), np.int32) for _ in range(2))
        for i, row in enumerate(rows):
            right[i, : len(row)] = left[i, width - len(row) :] = row
        eos = list(rollout_config.eos_tokens or [self.eos_id()])
        drawn = generate(
            self._next_key(rollout_config.seed),
            self._model,
            self._adapt(self._policy)[1],
            right,
            self._sampler,
            lengths=lengths,
            max_new_tokens=rollout_config.max_tokens_to_generate,
            eos=eos,
            pad=self.pad_id(),
            record=self._record,
        )._replace(decoding=None)  # type: ignore[arg-type]  # its cache is large
        if self._on_rollout is not None:
            self._on_rollout(drawn)
        ends, tokens, logprobs, invalid, broken = jax.device_get(
            (drawn.lengths, drawn.tokens, drawn.logprobs, drawn.invalid, drawn.invalid_logits)
        )
        if invalid.any():
            by_policy = broken.any()
            cause = "the policy's logits are" if by_policy else f"{self._sampler!r} makes logits"
            blamed = broken if by_policy else invalid
            raise ValueError(
                f"{cause} NaN or -inf throughout in {blamed.sum()} of {len(rows)} rows, the first "
                f"is the prompt {prompts[int(np.argmax(blamed))]!r}"
            )
        completions = [row[:end] for row, end in zip(tokens, ends, strict=True)]
        return base_rollout.RolloutOutput(
            text=[self._decode(row, eos) for row in completions],
            logits=[],
            tokens=completions,
            left_padded_prompt_tokens=left,
            logprobs=[row[:end] for row, end in zip(logprobs, ends, strict=True)],
        )

    def get_per_token_logps(
        self, prompt_tokens: jax.Array, completion_tokens: jax.Array
    ) -> jax.Array:
        """Return the log-probabilities `[B, N]` of completions under the policy.

        They have the temperature of `RolloutConfig` and no filters, like those of tunix's loss, so
        that the ratio of an unchanged policy is 1.
        """
        graph, state = nnx.split(self._policy)
        return common.compute_per_token_logps(
            graph,
            state,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            pad_id=self.pad_id(),
            eos_id=self.eos_id(),
            temperature=self._temperature,
        )

    def update_params(self, params: Any, filter_types: tuple[Any, ...] | None = None) -> None:
        """Take the parameters of the trained policy."""
        mine = nnx.state(self._policy, *([] if filter_types is None else [filter_types]))
        sent = reshard.reshard_pytree(params, mine)
        nnx.update(self._policy, jax.tree.map(lambda new, old: new.astype(old.dtype), sent, mine))

    def pad_id(self) -> int:
        """Return the token that pads prompts and completions."""
        return self._tokenizer.pad_id()

    def eos_id(self) -> int:
        """Return the tokenizer's end of sequence."""
        return self._tokenizer.eos_id()

    def model(self) -> nnx.Module:
        """Return the policy."""
        return self._policy

    def _encode(self, prompt):
        bos, ids = self._tokenizer.bos_id(), list(self._tokenizer.encode(prompt))
        return self._tokenizer.dedup_bos_ids([bos, *ids] if bos else ids)

    def _decode(self, tokens, eos):
        text = tokens[:-1] if len(tokens) and tokens[-1] in eos else tokens
        return self._tokenizer.decode(text.tolist())

    def _next_key(self, seed):
        key = self._key if seed is None else seed
        key = jax.random.key(key) if isinstance(key, int) else key
        self._calls += 1
        return jax.random.fold_in(key, self._calls - 1)


def _refuse_filters(config):
    if config.top_k not in (None, -1) or config.top_p not in (None, 1.0):
        raise ValueError(
            f"the sampler draws the tokens; put TopK and TopP into it instead of RolloutConfig, "
            f"which has top_k={config.top_k}, top_p={config.top_p}"
        )


def _on_mesh(policy, mesh):
    """Return the policy, or a copy of it on `mesh` if it lies on another one."""
    graph, state = nnx.split(policy)
    if mesh is None or mesh.empty or rl_utils.get_pytree_mesh_info(state) in (None, mesh):
        return policy
    specs = nnx.get_partition_spec(state)
    places = jax.tree.map(
        lambda spec: jax.sharding.NamedSharding(mesh, spec or jax.sharding.PartitionSpec()),
        specs,
        is_leaf=lambda spec: spec is None,
    )
    return nnx.merge(graph, reshard.reshard_pytree(state, places))
