"""A network that chooses hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from jaxsample.learn._features import DISTRIBUTION, HISTORY
from jaxsample.learn._settings import HEADS, check_settings, inputs, layer_sizes
from jaxsample.learn._soft import SoftMinP, SoftTopP
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.filters._truncation import MinP, TopP
from jaxsample.transforms.temperatures._reshape import KNOTS, Reshape
from jaxsample.transforms.temperatures._temperature import EntropyTemperature, Temperature

DEEPEST = 128  # hidden layers; each takes a while to make
CUT = 1000.0  # the steepest last slope of a reshaped row
REACH = 3.0  # how far the log of the gap between two knots may move


class Policy(nnx.Module):
    """A network that maps features of a row to a sampler: `policy(seen) -> chain(...)`.

    The same class gives every sampler from one fixed temperature to one setting per token, so that
    each is an ablation of the next. A fresh policy is plain sampling, bit for bit.

    Attributes:
        head: "temperature" gives `Temperature`; "edt" gives `EntropyTemperature`, with theta of
            either sign; "nucleus" gives `Temperature`, `TopP` and `MinP`; "reshape" gives
            `Reshape` with four knots. Its slopes are 1 / T for a T in the range of temperatures,
            and the last one may be as steep as 1000, so that it cuts.
        per: "corpus" chooses once for all texts, with trained constants; "instance" chooses once
            per text, at its first token, where the hidden state depends on the whole prompt;
            "token" chooses for every token.
        features: names of the features that the network reads. `DISTRIBUTION` describes the row
            alone; "position" and "surprisal" describe the tokens drawn so far, and need state.
        hidden_size: size D of the hidden state that the network reads too; 0 for none.
        width, depth: size and number of the hidden layers, of which there are at most 128.
        t_min, t_max: the open range of temperatures, which contains 1.
        theta_max: the largest `|theta|`, in nats.

    Raises:
        ValueError: if an argument is invalid.

    >>> policy = Policy(rngs=nnx.Rngs(0))
    >>> policy(jnp.zeros(policy.inputs))
    chain(Temperature(value=1.0))
    """

    def __init__(
        self,
        head: str = "temperature",
        *,
        per: str = "token",
        features: Sequence[str] = DISTRIBUTION,
        hidden_size: int = 0,
        width: int = 64,
        depth: int = 2,
        t_min: float = 0.1,
        t_max: float = 3.0,
        theta_max: float = 10.0,
        rngs: nnx.Rngs,
    ):
        constant = per == "corpus"
        self.head, self.per = head, per
        self.features = () if constant else tuple(features)
        self.hidden_size = 0 if constant else hidden_size
        self.width, self.depth = width, depth
        self.t_min, self.t_max, self.theta_max = t_min, t_max, theta_max
        check_settings(self.settings)
        if depth > DEEPEST:
            raise ValueError(f"depth must be at most {DEEPEST}, got {depth}")
        self.t_min, self.t_max, self.theta_max = float(t_min), float(t_max), float(theta_max)
        self.inputs = inputs(self.settings)
        self.bias = nnx.Param(jnp.zeros(HEADS[head], jnp.float32))
        hidden, last = layer_sizes(self.settings)
        self.layers = nnx.List([nnx.Linear(a, b, rngs=rngs) for a, b in hidden])
        if last is not None:
            zeros = nnx.initializers.zeros_init()
            self.last = nnx.Linear(*last, use_bias=False, kernel_init=zeros, rngs=rngs)

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of the constructor, except `rngs`."""
        return {
            "head": self.head,
            "per": self.per,
            "features": list(self.features),
            "hidden_size": self.hidden_size,
            "width": self.width,
            "depth": self.depth,
            "t_min": self.t_min,
            "t_max": self.t_max,
            "theta_max": self.theta_max,
        }

    @property
    def stateful(self) -> bool:
        """Whether the policy needs state."""
        return self.per == "instance" or bool(set(self.features) & set(HISTORY))

    def __call__(self, seen: jax.Array, soft: jax.Array | float | None = None) -> Chain:
        """Choose a sampler.

        Args:
            seen: `[inputs]` float32, the features and then the hidden state.
            soft: the sharpness of soft filters, for training; None gives hard filters.
        """
        out = self.bias[...]
        if self.per != "corpus":
            for layer in self.layers:
                seen = jax.nn.gelu(layer(seen))
            out = out + self.last(seen)
        if self.head == "reshape":
            return chain(self._reshape(out))
        members: list[Transform] = []
        heat = jnp.exp(between(out[0], math.log(self.t_min), math.log(self.t_max)))
        if self.head == "edt":
            theta = between(out[1], -self.theta_max, self.theta_max)
            members.append(EntropyTemperature(heat, theta, max_temperature=self.t_max))
        else:
            members.append(Temperature(heat))
        if self.head == "nucleus":
            p, least = _clipped(1.0 + out[1], 0.0, 1.0), _clipped(0.1 * out[2], 0.0, 1.0)
            if soft is None:
                members += [TopP(p), MinP(least)]
            else:
                members += [SoftTopP(p, soft), SoftMinP(least, soft)]
        return chain(*members)

    def _reshape(self, out):
        count = len(KNOTS)
        coldest = np.full(count + 1, math.log(self.t_min), np.float32)
        coldest[-1] = -math.log(CUT)
        slopes = jnp.exp(-between(out[: count + 1], coldest, math.log(self.t_max)))
        gaps = np.diff(KNOTS, prepend=0.0) * jnp.exp(between(out[count + 1 :], -REACH, REACH))
        return Reshape(slopes, jnp.cumsum(gaps))


def between(u: jax.Array, low: float | np.ndarray, high: float) -> jax.Array:
    """Map numbers smoothly into (low, high), for low < 0 < high; 0 maps to 0 with slope 1."""
    reach = jnp.where(u < 0, -low, high)
    return reach * jnp.tanh(u / reach)


def _clipped(x: jax.Array, low: float, high: float) -> jax.Array:
    """Clip, with the gradient of the identity, so that a filter that is off can be learned."""
    return lax.stop_gradient(jnp.clip(x, low, high)) + (x - lax.stop_gradient(x))
