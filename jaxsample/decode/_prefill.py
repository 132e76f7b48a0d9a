"""Read the prompts: from tokens to a decoding that is ready for its first draw."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode import _rows as rows
from jaxsample.decode._model import Model
from jaxsample.transforms.contract._prompt import Prompt
from jaxsample.transforms.contract._transform import Transform


class Decoding(NamedTuple):
    """Rows in the middle of decoding: a pytree whose every leaf has the rows as its first axis.

    Rows can be gathered, scattered and replaced, which is what a continuous batcher needs.

    Attributes:
        cache: the model's.
        logits: `[B, V]` float32 for the next token, or None where `Model.unembed` rebuilds them.
        hidden: `[B, D]`, the model's last hidden state, or None.
        state: the sampler's, a leading axis of rows on every leaf.
        keys: `[B]` row keys.
        position: `[B]` int32, where the next token goes.
        n: `[B]` int32, how many tokens were drawn.
        remaining: `[B]` int32, how many may still be drawn.
        recent: `[B, 32]` int32, the last output tokens, -1 before the first.
        done: `[B]` bool.

    >>> prompts = jnp.array([[0], [2]])
    >>> both = prefill(jax.random.key(0), bigram, table, prompts, TopK(1), max_length=5)
    >>> second = jax.tree.map(lambda x: x[1:], both)
    >>> step(bigram, table, second, TopK(1))[1].tokens
    Array([3], dtype=int32)
    """

    cache: Any
    logits: jax.Array | None
    hidden: jax.Array | None
    state: Any
    keys: jax.Array
    position: jax.Array
    n: jax.Array
    remaining: jax.Array
    recent: jax.Array
    done: jax.Array


def prefill(
    key: jax.Array,
    model: Model,
    params: Any,
    prompts: jax.Array,
    sampler: Transform,
    *,
    max_length: int,
    lengths: jax.Array | None = None,
    budget: jax.Array | None = None,
    samples: int | None = None,
    sampler_axes: Any = None,
) -> Decoding:
    """Run the prompts through the model and start the sampler's state.

    Args:
        key: one PRNG key, or `[B]` row keys. Row b of one key is `fold_in(key, b)`.
        model, params: see `Model`.
        prompts: `[B, P]` token ids, right-padded; `[B, streams, P]` for a model of many streams.
        sampler: any transform.
        max_length: tokens of prompt and output together a row has room for; static.
        lengths: `[B]`, or `[B, streams]`, in 1..P, the prompts' lengths; all P by default. The
            longest of a row takes from its room.
        budget: `[B]`, how many tokens each row may draw; the room that is left by default.
        samples: rows per prompt, repeated after one pass over the prompts; static.
        sampler_axes: None (leaves shared), 0 (every leaf carries `[B]`), or for a chain a tuple of
            these with one per member; static.

    Raises:
        ValueError: if a shape, a length or the room does not fit.

    >>> prompts = jnp.array([[0], [2]])
    >>> decoding = prefill(jax.random.key(0), bigram, table, prompts, TopK(1), max_length=5)
    >>> decoding.position.tolist(), decoding.remaining.tolist()
    ([1, 1], [4, 4])
    """
    prompts = check_prompts(prompts, lengths, model.streams)
    batch, width = prompts.shape[0], prompts.shape[-1]
    max_length = rows.count("max_length", max_length)
    if max_length < width:
        raise ValueError(f"max_length must be at least the prompts' {width}, got {max_length}")
    rows.check_axes(sampler, sampler_axes, batch)
    samples = None if samples is None else rows.count("samples", samples)
    lengths = rows.per_row("lengths", lengths, width, prompts.shape[:-1])
    budget = rows.per_row("budget", budget, max_length, (batch,))
    keys = rows.row_keys(key, batch)
    return _prefill(
        model, params, prompts, sampler, keys, lengths, budget, max_length, samples, sampler_axes
    )


@functools.partial(jax.jit, static_argnums=(0, 7, 8, 9))
def _prefill(model, params, prompts, sampler, keys, lengths, budget, max_length, samples, axes):
    batch, width = prompts.shape[0], prompts.shape[-1]
    remaining = jnp.clip(jnp.minimum(budget, max_length - rows.longest(lengths)), 0)
    columns = lax.broadcasted_iota(jnp.int32, prompts.shape, prompts.ndim - 1)
    positions = jnp.where(columns < lengths[..., None], columns, -1)
    output = model.apply(params, prompts, positions, model.init_cache(batch, max_length))
    prompts, lengths = (rows.first_stream(x, model.streams) for x in (prompts, lengths))
    logits, hidden = last_output(model, params, output, lengths - 1)
    prompts = jnp.pad(prompts, ((0, 0), (0, max_length - width)))
    vocab_size = jax.eval_shape(
        functools.partial(next_logits, model), params, logits, hidden
    ).shape[-1]

    started = (output.cache, logits, hidden, prompts, lengths, remaining)
    if samples is not None:
        started = rows.repeat_rows(started, samples)
        keys = rows.sample_keys(keys, samples)
        sampler = rows.repeat_sampler(sampler, axes, samples)
    cache, logits, hidden, prompts, lengths, remaining = started

    def init(sampler, key, tokens, length, budget):
        return sampler.init(key, Prompt(tokens, length, budget, vocab_size))

    state = jax.vmap(init, in_axes=(rows.axes_prefix(axes), 0, 0, 0, 0))(
        sampler, rows.init_keys(keys), prompts, lengths, remaining
    )
    zeros = jnp.zeros_like(lengths)
    recent = jnp.full((lengths.shape[0], rows.RECENT), -1, jnp.int32)
    return Decoding(
        cache, logits, hidden, state, keys, lengths, zeros, remaining, recent, remaining <= 0
    )


def last_output(model: Model, params: Any, output: Any, at: jax.Array) -> tuple[Any, Any]:
    """Pick each row's logits (None where `unembed` rebuilds them) and hidden state at `at`.

    Several streams are one from here on: only their logits still need them all.
    """

    def pick(x):
        return None if x is None else x[jnp.arange(x.shape[0]), at]

    logits, hidden = pick(None if rebuilds(model, output) else output.logits), pick(output.hidden)
    if model.streams > 1:
        logits = next_logits(model, params, logits, hidden)
        hidden = rows.first_stream(hidden, model.streams)
    return None if logits is None else logits.astype(jnp.float32), hidden


def rebuilds(model: Model, output: Any) -> bool:
    """Whether logits come from hidden states by `unembed`; ValueError if they come from nowhere."""
    if not hasattr(output, "hidden"):
        raise ValueError(f"Model.apply must return a ModelOutput, got {type(output).__name__}")
    rebuilt = model.unembed is not None and output.hidden is not None
    if output.logits is None and not rebuilt:
        raise ValueError("the model returned no logits; then it needs hidden states and unembed")
    return rebuilt


def next_logits(model: Model, params: Any, logits: Any, hidden: Any) -> jax.Array:
    """Return logits `[B, V]`, by way of `unembed` where they are None."""
    return model.unembed(params, hidden) if logits is None else logits  # type: ignore[misc]


def check_prompts(prompts: Any, lengths: Any, streams: int) -> jax.Array:
    """Return prompts as int32, having checked them and the lengths that are known."""
    shape = "[B, P]" if streams == 1 else f"[B, {streams}, P]"
    try:
        prompts = jnp.asarray(prompts)
    except (TypeError, ValueError):
        raise ValueError(
            f"prompts must be one array {shape}: pad shorter ones on the right and pass lengths"
        ) from None
    fits = prompts.ndim == 2 if streams == 1 else prompts.shape[1:-1] == (streams,)
    if not fits or not prompts.size or not jnp.issubdtype(prompts.dtype, jnp.integer):
        raise ValueError(
            f"prompts must be integers {shape} with at least one row and one token, got "
            f"{prompts.dtype}{list(prompts.shape)}"
        )
    rows.check_range("lengths", lengths, 1, prompts.shape[-1])
    return prompts.astype(jnp.int32)
