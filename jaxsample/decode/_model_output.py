"""Logits and hidden states of single tokens, taken from the output of a model."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import PartitionSpec

from jaxsample.decode._model import Model
from jaxsample.kernels._auto_axes import in_auto, spec


def last_output(model: Model, params: Any, output: Any, at: jax.Array) -> tuple[Any, Any]:
    """Return each row's logits and hidden state at the index `at` `[B]`.

    The logits are None if `unembed` can compute them from the hidden state. Several streams are
    combined here: the result has the logits of all and the hidden state of the first.
    """

    given = None if rebuilds(model, output) else output.logits
    logits, hidden = (None if x is None else _pick(x, at) for x in (given, output.hidden))
    if model.streams > 1:
        logits = next_logits(model, params, logits, hidden)
        hidden = first_stream(hidden, model.streams)
    return None if logits is None else logits.astype(jnp.float32), hidden


def kept(new: Any, old: Any, changed: jax.Array) -> Any:
    """Return each leaf `[B, ..]` of `new` where the row has changed, and of `old` elsewhere."""

    def of_rows(new, old):
        return jnp.where(changed.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return jax.tree.map(of_rows, new, old)


def rebuilds(model: Model, output: Any) -> bool:
    """Whether `unembed` computes the logits; ValueError if the output has no logits either way."""
    if not hasattr(output, "hidden"):
        raise ValueError(f"Model.apply must return a ModelOutput, got {type(output).__name__}")
    rebuilt = model.unembed is not None and output.hidden is not None
    if output.logits is None and not rebuilt:
        raise ValueError("a model that returns no logits needs hidden states and unembed")
    return rebuilt


def next_logits(model: Model, params: Any, logits: Any, hidden: Any) -> jax.Array:
    """Return logits `[B, V]`; if they are None, compute them by `unembed`."""
    if logits is not None:
        return logits
    assert model.unembed is not None  # `rebuilds` has checked it
    return model.unembed(params, hidden)


def unembedded(model: Model, params: Any, hidden: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return logits `[B, V]` from hidden states, and the hidden states of the first stream."""
    return next_logits(model, params, None, hidden), first_stream(hidden, model.streams)


def vocab_size(model: Model, params: Any, logits: Any, hidden: Any) -> int:
    """Return V of logits `[.., V]`, which are computed from the hidden states if they are None."""
    return jax.eval_shape(functools.partial(next_logits, model), params, logits, hidden).shape[-1]


def empty_vocabulary(size: int) -> jax.Array:
    """Return `[0, V]`, by whose shape a compiled function tells its caller V."""
    return jnp.zeros((0, size), bool)


def first_stream(x: Any, streams: int, axis: int = 1) -> Any:
    """Return the part of `x` for the first stream, if there are several along `axis`."""
    return x if x is None or streams == 1 else lax.index_in_dim(x, 0, axis, keepdims=False)


@functools.partial(in_auto, specs=lambda x, at: _without_tokens(x))
def _pick(x, at):
    return x[jnp.arange(x.shape[0]), at]


def _without_tokens(x):
    batch, _, *others = spec(x)
    return PartitionSpec(batch, *others)
