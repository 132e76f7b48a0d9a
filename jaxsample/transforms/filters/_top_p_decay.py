"""A nucleus that shrinks with every token."""

from __future__ import annotations

import jax.numpy as jnp

from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._leaves import FloatLeaf, IdsLeaf
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.filters._truncation import TopP


@transform(kind="order")
class TopPDecay(Transform):
    """Keep a nucleus whose mass falls with every token: P <- max(P * decay, minimum).

    P starts at `p`. After a token of `reset`, such as a full stop, P is `p` again (factual nucleus
    sampling). The nucleus is that of `TopP`. Neutral: p = 1 and decay = 1. The gradients with
    respect to `p`, `decay` and `minimum` are zero.

    The state is P.

    Attributes:
        p: mass of the first nucleus, in [0, 1]; a leaf.
        decay: factor for each token, in [0, 1]; a leaf that does not train.
        minimum: lower bound of P, in [0, 1]; a leaf.
        reset: token ids, or one, that set P back to `p`, `[N]` int32, -1 for none; a leaf.

    Raises:
        ValueError: if a Python number lies outside its range.

    Reference: Lee et al., 2022, https://arxiv.org/abs/2206.04624

    >>> fading = TopPDecay(0.8, 0.5)
    >>> row = jnp.log(jnp.array([0.25, 0.25, 0.5]))
    >>> state = fading.update(None, row, 2)
    >>> jnp.isfinite(fading(row)), jnp.isfinite(fading(row, state))
    (Array([ True,  True,  True], dtype=bool), Array([False, False,  True], dtype=bool))
    """

    p: FloatLeaf = field(low=0.0, high=1.0)
    decay: FloatLeaf = field(low=0.0, high=1.0, fixed=True)
    minimum: FloatLeaf = field(default=1e-6, low=0.0, high=1.0)
    reset: IdsLeaf = field(default=-1, low=-1)

    def init(self, key, prompt):
        del key, prompt
        return jnp.asarray(self.p, jnp.float32)

    def on(self, row, state=None, hidden=None):
        del hidden
        return TopP(self._state(state)).on(row)

    def after(self, row, state, token, hidden=None):
        del row, hidden
        faded = jnp.maximum(self._state(state) * jnp.clip(self.decay, 0.0, 1.0), self.minimum)
        return jnp.where(jnp.any(token == self.reset), jnp.asarray(self.p, jnp.float32), faded)
