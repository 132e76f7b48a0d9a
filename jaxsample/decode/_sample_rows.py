"""Draw a token from every row of a batch, for loops that hold one key and a batch of logits."""

from __future__ import annotations

import functools
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.sharding import PartitionSpec
from jax.typing import ArrayLike

from jaxsample.decode._arguments import as_int
from jaxsample.decode._keys import row_keys
from jaxsample.decode._sample import check_sampler, sample
from jaxsample.kernels._auto_axes import in_auto, spec
from jaxsample.kernels._noise import as_key
from jaxsample.transforms.contract._transform import Transform


def sample_rows(
    key: jax.Array,
    logits: ArrayLike,
    sampler: Transform,
    state: Any = None,
    *,
    invalid: int | Literal["raise"] = -1,
) -> jax.Array:
    """Draw a token from each row of logits through one sampler.

    Use it in the loop of another library, which has one key for a step and logits of the whole
    batch. Row b, counted over all leading axes, draws with `fold_in(key, b)`, so its token does
    not depend on the other rows. The token is that of `sample` with this key.

    If the sampler has state, call `jax.vmap(sampler.update)(state, logits, tokens)` afterwards
    with the same logits, once for each leading axis.

    Args:
        key: a PRNG key, another one for each step; or one key per row, with the shape of the rows.
        logits: `[.., V]`, any number of leading axes.
        sampler: any transform; all rows share its values.
        state: the states of the rows, with the leading axes of `logits` on every leaf. None stands
            for the state without a prompt.
        invalid: what a row draws that has a NaN or nothing above -inf: a token id, -1 by default.
            Most loops feed -1 to the model as if it were a token. "raise" gives an error instead.
            Inside of `jax.jit` the running program checks the rows through a callback to the host,
            and JAX raises the error when it runs the program or when the result is read. That is
            for programs of one device: with several, the others wait for the one that failed until
            the runtime ends the process. Give an id there.

    Returns:
        The tokens `[..]`, int32.

    Raises:
        ValueError: if a shape is wrong, `sampler` is no transform, `invalid` is neither a token id
            nor "raise", or a row is invalid and `invalid` is "raise".

    >>> logits = jnp.array([[0.0, 9.0, 1.0], [7.0, 0.0, 1.0]])
    >>> sample_rows(jax.random.key(0), logits, TopK(1))
    Array([1, 0], dtype=int32)
    """
    check_sampler(sampler)
    key, logits = as_key(key), jnp.asarray(logits)
    _check_shapes(key, logits, state)
    instead = -1 if invalid == "raise" else as_int(invalid)
    if instead is None or not -1 <= instead < logits.shape[-1]:
        raise ValueError(
            f'invalid must be "raise", -1 or a token id below {logits.shape[-1]}, got {invalid!r}'
        )
    tokens = _drawn(logits, key, sampler, state, np.int32(instead))
    if invalid == "raise" and isinstance(tokens, Tracer):
        return _checked(tokens)
    if invalid == "raise":
        _refuse(jax.device_get(tokens))
    return tokens


def _check_shapes(key, logits, state):
    if not logits.ndim:
        raise ValueError(f"logits must be rows [.., V], got the number {logits}")
    leading = logits.shape[:-1]
    if key.ndim and key.shape != leading:
        raise ValueError(
            f"key must be one key or one per row {list(leading)}, got shape {list(key.shape)}"
        )
    for leaf in jax.tree.leaves(state):
        if jnp.shape(leaf)[: len(leading)] != leading:
            raise ValueError(
                f"every leaf of state must start with the axes {list(leading)} of the rows, "
                f"got shape {list(jnp.shape(leaf))}"
            )


@functools.partial(jax.jit, inline=True)
@functools.partial(in_auto, specs=lambda logits, *_: PartitionSpec(*spec(logits)[:-1]))
def _drawn(logits, key, sampler, state, instead):
    leading = logits.shape[:-1]
    count = math.prod(leading)
    if not count:
        return jnp.zeros(leading, jnp.int32)
    keys = row_keys(key.reshape(-1) if key.ndim else key, count)

    def flat(x):
        return jnp.reshape(x, (count, *jnp.shape(x)[len(leading) :]))

    rows, states = jax.tree.map(flat, (logits, state))
    tokens = jax.vmap(sample, in_axes=(0, 0, None, 0))(keys, rows, sampler, states)
    return jnp.where(tokens < 0, instead, tokens).reshape(leading)


def _checked(tokens):
    """Return traced tokens; the running program fails if one of them is -1."""

    def ask(tokens):
        return jax.pure_callback(_refuse, tokens, tokens, vmap_method="expand_dims")

    return lax.cond(jnp.any(tokens < 0), ask, lambda tokens: tokens, tokens)


def _refuse(tokens):
    wrong = np.asarray(tokens) < 0
    if wrong.any():
        raise ValueError(
            f"the logits of {wrong.sum()} of {wrong.size} rows are invalid, the first at index "
            f"{np.argwhere(wrong)[0].tolist()}: they have a NaN or nothing above -inf"
        )
    return tokens
