"""Transforms that a user might write."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxsample import Transform, field, transform


@transform(kind="order")
class Nucleus(Transform):
    """A nucleus whose mass shrinks with every token; its state is the mass."""

    p: float = field(low=0.0, high=1.0)
    decay: float = field(low=0.0, high=1.0)

    def init(self, key, prompt):
        return jnp.asarray(self.p, jnp.float32)

    def on(self, row, state=None, hidden=None):
        return row.keep(row.value_at(jnp.exp, state))

    def after(self, row, state, token, hidden=None):
        return state * jnp.asarray(self.decay, jnp.float32)


@transform(kind="order")
class Probe(Transform):
    """The identity, with values that it read from the last row as its state."""

    def init(self, key, prompt):
        return {"max": jnp.float32(0), "count": jnp.float32(0), "size": jnp.float32(0),
                "mass": jnp.float32(0), "moment": jnp.float32(0), "third": jnp.float32(0),
                "token": jnp.float32(0), "largest": jnp.zeros(2)}  # fmt: skip

    def on(self, row, state=None, hidden=None):
        return row

    def after(self, row, state, token, hidden=None):
        mass, moment = row.sum(jnp.exp, lambda x: x * jnp.exp(x))
        said = dict(max=row.max, count=row.count, size=row.size, mass=mass, moment=moment)
        said |= dict(third=row.kth(3), token=row.value(token), largest=row.largest(2))
        return jax.tree.map(lambda x: jnp.asarray(x).astype(jnp.float32), said)


@transform(kind="order")
class Learned(Transform):
    """A temperature predicted from the model's hidden state by a small network."""

    params: Any
    graphdef: Any = field(static=True)

    @classmethod
    def of(cls, width, seed=0):
        graphdef, params = nnx.split(nnx.Linear(width, 1, rngs=nnx.Rngs(seed)))
        return cls(params=params, graphdef=graphdef)

    def temperature(self, hidden):
        return 0.2 + jax.nn.softplus(nnx.merge(self.graphdef, self.params)(hidden)[0])

    def on(self, row, state=None, hidden=None):
        if hidden is None:
            raise ValueError("Learned needs hidden")
        return row.divide(self.temperature(hidden))


@transform(kind="token")
class Counts(Transform):
    """Lower each token by `strength` for every time it was drawn; the state is the counts."""

    strength: float = field()

    def init(self, key, prompt):
        if prompt is None:
            raise ValueError("Counts needs a prompt")
        return jnp.zeros(prompt.vocab_size, jnp.int32)

    def __call__(self, logits, state=None, hidden=None):
        return logits - self.strength * state.astype(jnp.float32)

    def update(self, state, logits, token, hidden=None):
        return state.at[token].add(1)


@transform(kind="token")
class Witness(Transform):
    """The identity, with its init key, the last row and the last token as its state."""

    width: int = field(static=True)

    def init(self, key, prompt):
        return jax.random.key_data(key), jnp.zeros(self.width), jnp.int32(-1)

    def __call__(self, logits, state=None, hidden=None):
        return logits

    def update(self, state, logits, token, hidden=None):
        return state[0], logits, token


def halve(logits):
    return logits * 0.5


def scale(factor, logits):
    """Multiply finite logits only, because the gradient at -inf would be 0 * inf."""
    kept = logits > -jnp.inf
    return jnp.where(kept, jnp.where(kept, logits, 0.0) * factor, -jnp.inf)
