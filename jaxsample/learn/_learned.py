"""A policy as a transform."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax import lax

from jaxsample.learn._description import SETTINGS
from jaxsample.learn._features import Memory, extract, surprisal
from jaxsample.learn._policy import Policy
from jaxsample.learn._soft import SHARPNESS
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._transform import Transform, transform


@transform(kind="order")
class Learned(Transform):
    """Let a policy choose the hyperparameters: `Learned(policy)`.

    The policy reads the incoming row, and the model's hidden state if it has a `hidden_size`. Each
    `nnx.Param` of the policy is a leaf that trains; its other variables are leaves that do not. A
    fresh policy is neutral. A policy whose output is NaN makes the row invalid.

    The state is a `Memory` if the policy has state.

    Attributes:
        graph: the `nnx.GraphDef` of the policy that the constructor was given; static.
        params: the values of each `nnx.Param`, a tree of leaves.
        rest: the values of the other variables; leaves that never train.
        sharpness: sharpness of the soft filters in training; a leaf that never trains.
        soft: whether the filters are soft; static. If so, the kind is "set".

    Raises:
        ValueError: if the constructor is not given a `Policy`; at the call, if the policy reads a
            hidden state and there is none, or one of another size.

    Reference: per-token temperatures, proposed by Zhang et al., 2024,
    https://arxiv.org/abs/2403.14541

    >>> sampler = Learned(Policy(rngs=nnx.Rngs(0)))
    >>> sampler(jnp.array([0.0, 2.0, 1.0]))
    Array([-2.,  0., -1.], dtype=float32)
    """

    graph: Any = field(static=True)
    params: Any = field(default=None)
    rest: Any = field(default=None, fixed=True)
    sharpness: float = field(default=SHARPNESS, low=0.0, fixed=True)
    soft: bool = field(default=False, static=True)

    def __post_init__(self):
        if isinstance(self.graph, Policy):
            graph, params, rest = nnx.split(self.graph, nnx.Param, ...)
            for name, value in (
                ("graph", graph),
                ("params", _named(nnx.to_pure_dict(params))),
                ("rest", _named(nnx.to_pure_dict(rest))),
            ):
                object.__setattr__(self, name, value)
        if not isinstance(self.graph, nnx.GraphDef):
            raise ValueError(f"Learned takes a Policy, got {self.graph!r}")
        super().__post_init__()

    @classmethod
    def static_to_json(cls, fields):
        settings = _settings(fields["graph"])
        if settings is None or _graph(settings) != fields["graph"]:
            raise TypeError("graph is not that of a Policy")
        return fields | {"graph": settings}

    @classmethod
    def static_from_json(cls, data):
        return data | {"graph": _graph(data["graph"])}

    # `kind` is a class attribute elsewhere, and depends on a field here.
    @property
    def kind(self) -> str:
        """The kind "order", or "set" if the filters are soft."""
        return "set" if self.soft else "order"

    @property
    def policy(self) -> Policy:
        """The policy as a Flax module."""
        return nnx.merge(self.graph, *map(nnx.restore_int_paths, (self.params, self.rest)))

    def init(self, key, prompt):
        del key, prompt
        policy = self.policy
        if not policy.stateful:
            return ()
        return Memory(jnp.int32(0), jnp.float32(0.0), jnp.zeros(policy.inputs, jnp.float32))

    def on(self, row, state=None, hidden=None):
        return self.through(row, self._state(state), hidden)[0]

    def after(self, row, state, token, hidden=None):
        state = self._state(state)
        return self.settle(self.through(row, state, hidden)[1], state, token, hidden)

    def through(self, row, state, hidden):
        policy = self.policy
        seen = _seen(policy, row, state if policy.stateful else None, hidden)
        sampler = policy(seen, self.sharpness if self.soft else None)
        return sampler.on(row), (row, seen)

    def settle(self, received, state, token, hidden):
        del hidden
        if not self.policy.stateful:
            return state
        row, seen = received
        n = state.n + 1
        step = (surprisal(row, token) - state.surprisal) / n.astype(jnp.float32)
        return Memory(n, lax.stop_gradient(state.surprisal + step), seen)

    def __repr__(self):
        return f"Learned({describe(self.policy)})"


def _seen(policy, row, memory, hidden):
    seen = extract(policy.features, row, memory)
    if policy.hidden_size:
        if hidden is None:
            raise ValueError(
                f"the policy reads a hidden state of {policy.hidden_size} and got none: use a "
                "model that returns hidden states, or pass hidden="
            )
        if hidden.shape != (policy.hidden_size,):
            raise ValueError(
                f"the policy reads a hidden state [{policy.hidden_size}], got "
                f"{list(hidden.shape)}; make a policy with hidden_size={hidden.shape[-1]}"
            )
        hidden = lax.stop_gradient(hidden).astype(jnp.float32)
        # Scale to unit size, so that the scale of the model's hidden states does not matter.
        size = jnp.sqrt(jnp.mean(jnp.square(hidden)) + 1e-12)
        seen = jnp.concatenate([seen, hidden / size])
    if policy.per == "instance":
        seen = jnp.where(memory.n == 0, seen, memory.first)
    return seen


def _graph(settings):
    """Return the graph of a policy with these settings."""
    policy = nnx.eval_shape(lambda: Policy(**settings, rngs=nnx.Rngs(0)))
    return nnx.split(policy, nnx.Param, ...)[0]


def _settings(graph):
    """Return the settings of the policy that has this graph, or None."""
    found = {name: entry.value for name, entry in graph.attributes if hasattr(entry, "value")}
    return {name: found[name] for name in SETTINGS} if set(SETTINGS) <= set(found) else None


def _named(tree):
    """Return nested dicts whose keys are strings: Flax numbers layers, files name them."""
    return {str(k): _named(v) for k, v in tree.items()} if isinstance(tree, dict) else tree


def describe(policy: Policy) -> str:
    """Return the constructor call of a policy."""
    head, *rest = policy.settings.items()
    return f"Policy({', '.join([repr(head[1]), *(f'{name}={value!r}' for name, value in rest)])})"
