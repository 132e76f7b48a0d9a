"""Decode many tokens: prefill and a scan of steps, and going on from where one stopped."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode._arguments import (
    check_axes,
    check_prompts,
    positive_int,
    repeat_sampler,
)
from jaxsample.decode._model import Model
from jaxsample.decode._prefill import prefill
from jaxsample.decode._records import Support, Top, check_record
from jaxsample.decode._step import Decoding, Ending, advance
from jaxsample.transforms.contract._transform import Transform

CHUNK = 16  # most steps between two looks at whether all rows are done


class Generation(NamedTuple):
    """The tokens of every row, with what was asked to be recorded of them.

    With `samples=G` every array but those of `decoding` is `[B, G, ..]` instead of `[B, ..]`.
    Records are None unless asked for, and zero after the end of a row.

    Attributes:
        tokens: `[B, N]` int32, the eos included, then pad; -1 once where a row turned invalid.
        lengths: `[B]` int32, tokens drawn, the eos counted and -1 not.
        logprobs: `[B, N]` nats, under the distribution the token was drawn from.
        model_logprobs: `[B, N]` nats, under the raw model (T = 1).
        entropy: `[B, N]` nats, of the raw model.
        kept: `[B, N]` int32, size of the kept set.
        support: the kept sets, from `("support", K)`.
        top: the n likeliest tokens under the raw model, from `("top", n)`.
        invalid: `[B]` bool, rows that met a NaN or lost every token.
        decoding: where to go on from, by `resume`.

    >>> out = generate(jax.random.key(0), bigram, table, jnp.array([[0], [2]]), TopK(1),
    ...                max_new_tokens=4, eos=3, record=("kept",))
    >>> out.tokens.tolist(), out.lengths.tolist()
    ([[1, 2, 3, 0], [3, 0, 0, 0]], [3, 1])
    >>> out.kept.tolist(), out.entropy
    ([[1, 1, 1, 0], [1, 0, 0, 0]], None)
    """

    tokens: jax.Array
    lengths: jax.Array
    logprobs: jax.Array | None
    model_logprobs: jax.Array | None
    entropy: jax.Array | None
    kept: jax.Array | None
    support: Support | None
    top: Top | None
    invalid: jax.Array
    decoding: Decoding


def generate(
    key: jax.Array,
    model: Model,
    params: Any,
    prompts: jax.Array,
    sampler: Transform,
    *,
    max_new_tokens: int,
    max_length: int | None = None,
    lengths: jax.Array | None = None,
    eos: int | Sequence[int] = (),
    stop: Sequence[Sequence[int]] = (),
    pad: int = 0,
    budget: jax.Array | None = None,
    samples: int | None = None,
    sampler_axes: Any = None,
    record: Sequence[Any] = ("logprobs",),
    early_stop: bool = True,
) -> Generation:
    """Decode up to `max_new_tokens` tokens for every prompt.

    Given the same logits, a row's token depends on its key and its number alone, not on
    neighbours, slot, padding, chunks or devices.

    Args:
        key, model, params, prompts, sampler, lengths, budget, samples, sampler_axes: see `prefill`.
        max_new_tokens: N; static.
        max_length: room for prompt and output together; P + N by default; static.
        eos, stop, pad: see `step`.
        record: any of "logprobs", "model_logprobs", "entropy", "kept", ("support", K) and
            ("top", n); static.
        early_stop: end once every row is done. False is one scan, which `jax.grad` goes through.

    Raises:
        ValueError: if an argument does not fit.

    >>> generate(jax.random.key(0), bigram, table, jnp.array([[0], [2]]), TopK(1),
    ...          max_new_tokens=4).tokens
    Array([[1, 2, 3, 0],
           [3, 0, 1, 2]], dtype=int32)
    """
    length = positive_int("max_new_tokens", max_new_tokens)
    ending, record = Ending.of(eos, stop, pad), check_record(record)
    decoding, sampler = start(
        key,
        model,
        params,
        prompts,
        sampler,
        max_new_tokens=length,
        max_length=max_length,
        lengths=lengths,
        budget=budget,
        samples=samples,
        sampler_axes=sampler_axes,
    )
    static = record, length, samples, sampler_axes, bool(early_stop)
    cache, rest = decoding.cache, decoding._replace(cache=None)
    return _resume_donating(model, params, cache, rest, sampler, ending, *static)


def start(
    key, model, params, prompts, sampler, *, max_new_tokens, max_length, lengths, budget, **per_row
) -> tuple[Decoding, Any]:
    """Prefill as `generate` does; return the decoding and the sampler with a leaf row per row."""
    if max_length is None:
        max_length = check_prompts(prompts, lengths, model.streams).shape[-1] + max_new_tokens
    decoding = prefill(
        key,
        model,
        params,
        prompts,
        sampler,
        max_length=max_length,
        lengths=lengths,
        budget=budget,
        **per_row,
    )
    if per_row["samples"] is not None:
        sampler = repeat_sampler(sampler, per_row["sampler_axes"], per_row["samples"])
    return decoding, sampler


def resume(
    model: Model,
    params: Any,
    decoding: Decoding,
    sampler: Transform,
    *,
    max_new_tokens: int,
    eos: int | Sequence[int] = (),
    stop: Sequence[Sequence[int]] = (),
    pad: int = 0,
    samples: int | None = None,
    sampler_axes: Any = None,
    record: Sequence[Any] = ("logprobs",),
    early_stop: bool = True,
) -> Generation:
    """Go on decoding: with one max_length, `generate(N + M)` equals `generate(N)`, `resume(M)`.

    Args:
        decoding: from a `Generation` or `prefill`.
        samples: only shapes the output; per-row leaves carry the B * samples rows of `decoding`.
        model, params, sampler, max_new_tokens, eos, stop, pad, sampler_axes, record, early_stop:
            see `generate`.

    Raises:
        ValueError: if an argument does not fit.

    >>> half = generate(jax.random.key(0), bigram, table, jnp.array([[0], [2]]), TopK(1),
    ...                 max_new_tokens=2, max_length=5)
    >>> resume(bigram, table, half.decoding, TopK(1), max_new_tokens=2).tokens
    Array([[3, 0],
           [1, 2]], dtype=int32)
    """
    batch = decoding.done.shape[0]
    length = positive_int("max_new_tokens", max_new_tokens)
    check_axes(sampler, sampler_axes, batch)
    if samples is not None and batch % positive_int("samples", samples):
        raise ValueError(f"samples must divide the {batch} rows of decoding, got {samples}")
    ending = Ending.of(eos, stop, pad)
    static = check_record(record), length, samples, sampler_axes, bool(early_stop)
    cache, rest = decoding.cache, decoding._replace(cache=None)
    return _resume_keeping(model, params, cache, rest, sampler, ending, *static)


def _resume(model, params, cache, rest, sampler, ending, record, length, samples, axes, early_stop):
    decoding = rest._replace(cache=cache)

    def body(d, _):
        return advance(model, params, d, sampler, ending, record, axes)

    if early_stop:
        decoding, steps = _until_done(body, decoding, length, ending.pad)
    else:
        decoding, steps = lax.scan(body, decoding, None, length=length)
    steps = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), steps)
    lengths = jnp.sum(steps.live & ~steps.invalid, axis=1, dtype=jnp.int32)
    invalid = jnp.any(steps.invalid, axis=1)
    outputs = steps.tokens, lengths, *steps[3:], invalid
    if samples is not None:
        outputs = jax.tree.map(lambda x: x.reshape(-1, samples, *x.shape[1:]), outputs)
    return Generation(*outputs, decoding)  # type: ignore[arg-type]


_resume_keeping = jax.jit(_resume, static_argnums=(0, 6, 7, 8, 9, 10))
# For generate, which owns the cache that prefill made: without it two would live at once.
_resume_donating = jax.jit(_resume, static_argnums=(0, 6, 7, 8, 9, 10), donate_argnums=2)


def _until_done(body, decoding, length, pad):
    """Scan `length` steps in chunks, ending after the chunk in which the last row is done.

    The cache is carried by the loops alone: through `lax.cond` it would be copied at every step.
    """
    chunk = max(c for c in range(1, CHUNK + 1) if length % c == 0)
    shapes = jax.eval_shape(lambda d: body(d, None)[1], decoding)
    blank = jax.tree.map(lambda s: jnp.zeros((length, *s.shape), s.dtype), shapes)
    blank = blank._replace(tokens=jnp.full_like(blank.tokens, pad))

    def unfinished(carry):
        return (carry[0] < length) & ~jnp.all(carry[1].done)

    def more(carry):
        start, decoding, steps = carry
        decoding, new = lax.scan(body, decoding, None, length=chunk)
        put = functools.partial(lax.dynamic_update_slice_in_dim, start_index=start, axis=0)
        return start + chunk, decoding, jax.tree.map(put, steps, new)

    return lax.while_loop(unfinished, more, (jnp.int32(0), decoding, blank))[1:]
