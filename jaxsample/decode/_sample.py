"""Draw one token through a sampler."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from jaxsample.kernels._auto_axes import in_auto
from jaxsample.kernels._noise import one_key
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.rows._row import Row


def sample(
    key: jax.Array,
    logits: ArrayLike,
    sampler: Transform,
    state: Any = None,
    hidden: ArrayLike | None = None,
) -> jax.Array:
    """Draw a token from one row of logits through a sampler.

    The token is that of `draw(key, sampler(logits, state, hidden))`, computed faster. If the
    sampler has state, call `sampler.update(state, logits, token, hidden)` afterwards with the same
    logits.

    Args:
        key: a PRNG key.
        logits: `[V]`; use `jax.vmap` for a batch, with one key per row.
        sampler: any transform; `chain()` samples from the logits as they are.
        state: the sampler's state; None stands for the state without a prompt.
        hidden: `[D]`, the model's last hidden state, or None.

    Returns:
        The token, int32; -1 for an invalid row.

    Raises:
        ValueError: if `logits` is not one row, or `sampler` no transform.

    >>> sample(jax.random.key(0), jnp.array([0.0, 9.0, 1.0]), TopK(1))
    Array(1, dtype=int32)
    """
    check_sampler(sampler)
    return _sampled(jnp.asarray(key), jnp.asarray(logits), sampler, state, hidden)


def check_sampler(sampler: Any) -> None:
    """Refuse a sampler that is no transform; ValueError."""
    if not isinstance(sampler, Transform) or jax.tree_util.all_leaves([sampler]):
        raise ValueError(f"sampler must be a transform, such as chain(TopP(0.9)), got {sampler!r}")


@functools.partial(jax.jit, inline=True)
@in_auto
def _sampled(key, logits, sampler, state, hidden):
    state = sampler.init(None, None) if state is None else state
    # A token is discrete. Without derivatives, only the rows that need it are read whole.
    logits, sampler, state, hidden = jax.tree.map(_stopped, (logits, sampler, state, hidden))
    final, _ = sampler.through(Row.of(logits), state, hidden)
    return final.draw(one_key(key))


def _stopped(x):
    x = jnp.asarray(x)
    return lax.stop_gradient(x) if jnp.issubdtype(x.dtype, jnp.inexact) else x
