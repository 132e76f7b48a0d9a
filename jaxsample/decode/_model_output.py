"""Logits and hidden states of single tokens, taken from the output of a model."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import PartitionSpec

from jaxsample.decode._contract import empty_cache
from jaxsample.decode._model import Model
from jaxsample.kernels._auto_axes import in_auto, rows, spec


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


def answers(
    model: Model,
    params: Any,
    prompts: jax.Array,
    lengths: jax.Array,
    tokens: jax.Array,
    token_lengths: jax.Array,
) -> tuple[jax.Array | None, jax.Array | None]:
    """Return the logits `[B, N, V]` and hidden states `[B, N, D]` before each token `[B, N]`.

    The hidden states are None if the model does not return them. The logits are None if `unembed`
    can compute them.

    The model never reads the last of P + N tokens, so that a context of P + N - 1 is enough.
    """
    batch, count = tokens.shape
    total = prompts.shape[-1] + max(count, 1) - 1
    join = _join if model.streams == 1 else jax.vmap(_join, (1, None, 1, None), 1)
    given = prompts, tokens, lengths, token_lengths
    sequence, positions = in_auto(join, rows)(*given)
    output = model.apply(params, sequence, positions, empty_cache(model, batch, total))
    first = lengths if model.streams == 1 else lengths[:, 0]
    at = jnp.minimum(first[:, None] - 1 + jnp.arange(count, dtype=jnp.int32)[None, :], total - 1)
    logits = None if rebuilds(model, output) else output.logits
    logits, hidden = (None if x is None else _pick_all(x, at) for x in (logits, output.hidden))
    return logits, hidden


def first_stream(x: Any, streams: int, axis: int = 1) -> Any:
    """Return the part of `x` for the first stream, if there are several along `axis`."""
    return x if x is None or streams == 1 else lax.index_in_dim(x, 0, axis, keepdims=False)


@functools.partial(in_auto, specs=lambda x, at: _without_tokens(x))
def _pick(x, at):
    return x[jnp.arange(x.shape[0]), at]


@functools.partial(in_auto, specs=lambda x, at: _without_tokens(x, None))
def _pick_all(x, at):
    return jnp.take_along_axis(x, jnp.expand_dims(at, range(2, x.ndim)), axis=1)


def _without_tokens(x, *instead):
    batch, _, *others = spec(x)
    return PartitionSpec(batch, *instead, *others)


def _join(prompts, tokens, lengths, token_lengths):
    """Put the tokens of each row right after its prompt, up to the last of P + N but one.

    The position past the end of a row is -1.
    """
    most = max(tokens.shape[1], 1) - 1
    columns = jnp.arange(prompts.shape[1] + most, dtype=jnp.int32)[None, :]
    behind = jnp.clip(columns - lengths[:, None], 0, tokens.shape[1] - 1)
    head = jnp.pad(prompts, ((0, 0), (0, most)))
    tail = jnp.take_along_axis(tokens, behind, axis=1)
    sequence = jnp.where(columns < lengths[:, None], head, tail)
    inside = columns < (lengths + token_lengths)[:, None]
    return jnp.where(inside, sequence, 0), jnp.where(inside, columns, -1)
