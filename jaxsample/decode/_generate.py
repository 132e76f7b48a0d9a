"""Decoding of many tokens: `generate` and `resume`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import PartitionSpec
from jax.typing import ArrayLike

from jaxsample.decode._arguments import check_prompts, on_device, positive_int
from jaxsample.decode._contract import streams_of
from jaxsample.decode._generation import Generation, generation_of
from jaxsample.decode._in_slots import generate_in_slots
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import empty_vocabulary, vocab_size
from jaxsample.decode._prefill import prefill
from jaxsample.decode._records import check_record
from jaxsample.decode._sampler_axes import check_axes, repeat_sampler
from jaxsample.decode._step import Decoding, Ending, advance, check_decoding
from jaxsample.kernels._auto_axes import alike, in_auto, rows
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.tokens._stop_strings import StopStrings

CHUNK = 16  # the largest number of steps between two checks for whether all rows are done


def generate(
    key: jax.Array,
    model: Model,
    params: Any,
    prompts: ArrayLike,
    sampler: Transform,
    *,
    max_new_tokens: int,
    max_length: int | None = None,
    lengths: ArrayLike | None = None,
    eos: int | Sequence[int] = (),
    stop: StopStrings | Sequence[Sequence[int]] = (),
    pad: int = 0,
    budget: ArrayLike | None = None,
    samples: int | None = None,
    sampler_axes: Any = None,
    record: Sequence[Any] = ("logprobs",),
    early_stop: bool = True,
    slots: int | None = None,
    refill: int | None = None,
) -> Generation:
    """Generate up to `max_new_tokens` tokens for every prompt.

    For the same logits, each token depends only on the row's key and on the number of tokens
    before it. Other rows, the position in the batch, padding, chunks and devices do not change it.

    JAX's switch `jax_debug_infs` cannot be used, because the logits of dropped tokens are -inf.

    Args:
        key, model, params, prompts, sampler, lengths, budget, samples, sampler_axes: see `prefill`.
        max_new_tokens: N; static.
        max_length: the largest number of tokens of prompt and output together; P + N by default;
            static.
        eos, stop, pad: see `step`.
        record: any of "logprobs", "model_logprobs", "entropy", "kept", ("support", K) and
            ("top", n); static.
        early_stop: whether to stop once every row is done. Use False to differentiate with
            `jax.grad`: all steps then run in one `lax.scan`.
        slots: S, the number of rows that are decoded together, for many prompts whose outputs
            differ in length: a row that ends makes room for the next prompt. The output is the
            same, but `decoding` is None. The model must have one stream, and a mesh Auto axes;
            static.
        refill: R, how many prompts are read at once, and how many slots must be free before that;
            an eighth of the slots by default. The caches have S + R rows in all; static.

    Raises:
        ValueError: if an argument has a wrong type, shape or value.

    >>> generate(jax.random.key(0), bigram, table, jnp.array([[0], [2]]), TopK(1),
    ...          max_new_tokens=4).tokens
    Array([[1, 2, 3, 0],
           [3, 0, 1, 2]], dtype=int32)
    """
    length = positive_int("max_new_tokens", max_new_tokens)
    samples = None if samples is None else positive_int("samples", samples)
    ending, record = Ending.of(eos, stop, pad), check_record(record)
    options: dict[str, Any] = dict(
        max_new_tokens=length, max_length=max_length, lengths=lengths, budget=budget,
        samples=samples, sampler_axes=sampler_axes,
    )  # fmt: skip
    given = key, model, params, prompts, sampler
    if slots is not None or refill is not None:
        if not early_stop:
            raise ValueError("early_stop=False runs every step, and slots skip some: leave one out")
        return generate_in_slots(*given, ending, record, slots, refill, **options)
    decoding, sampler = start(*given, **options)
    static = record, length, samples, sampler_axes, bool(early_stop)
    given = on_device((params, decoding.cache, decoding._replace(cache=None), sampler, ending))
    generation, vocabulary = _resume_donating(model, *given, *static)
    ending.check(vocabulary.shape[-1])
    return generation


def start(
    key: jax.Array,
    model: Model,
    params: Any,
    prompts: Any,
    sampler: Transform,
    *,
    max_new_tokens: int,
    max_length: int | None,
    samples: int | None,
    sampler_axes: Any,
    **options: Any,
) -> tuple[Decoding, Any]:
    """Prefill as `generate` does; return the decoding and the sampler for its B * samples rows."""
    prompts = check_prompts(prompts, streams_of(model))
    if max_length is None:
        max_length = prompts.shape[-1] + max_new_tokens
    options |= dict(max_length=max_length, samples=samples, sampler_axes=sampler_axes)
    decoding = prefill(key, model, params, prompts, sampler, **options)
    if samples is not None and sampler_axes is not None:
        sampler = _repeat(on_device(sampler), sampler_axes, samples)
    return decoding, sampler


@functools.partial(jax.jit, static_argnums=(1, 2))
def _repeat(sampler, axes, samples):
    return in_auto(lambda sampler: repeat_sampler(sampler, axes, samples), alike)(sampler)


def resume(
    model: Model,
    params: Any,
    decoding: Decoding,
    sampler: Transform,
    *,
    max_new_tokens: int,
    eos: int | Sequence[int] = (),
    stop: StopStrings | Sequence[Sequence[int]] = (),
    pad: int = 0,
    samples: int | None = None,
    sampler_axes: Any = None,
    record: Sequence[Any] = ("logprobs",),
    early_stop: bool = True,
) -> Generation:
    """Generate more tokens from a `Decoding`.

    `generate(N)` followed by `resume(M)` gives the tokens of `generate(N + M)` if `max_length` is
    the same.

    Args:
        decoding: from a `Generation` or `prefill`.
        samples: rows per prompt, for the shape of the output alone. With `sampler_axes`, leaves
            carry the B * samples rows of `decoding`.
        model, params, sampler, max_new_tokens, eos, stop, pad, sampler_axes, record, early_stop:
            see `generate`.

    Raises:
        ValueError: if an argument has a wrong type, shape or value.

    >>> half = generate(jax.random.key(0), bigram, table, jnp.array([[0], [2]]), TopK(1),
    ...                 max_new_tokens=2, max_length=5)
    >>> resume(bigram, table, half.decoding, TopK(1), max_new_tokens=2).tokens
    Array([[3, 0],
           [1, 2]], dtype=int32)
    """
    check_decoding(decoding)
    batch = decoding.done.shape[0]
    length = positive_int("max_new_tokens", max_new_tokens)
    check_axes(sampler, sampler_axes, batch)
    samples = None if samples is None else positive_int("samples", samples)
    if samples is not None and batch % samples:
        raise ValueError(f"samples must divide the {batch} rows of decoding, got {samples}")
    ending, record = Ending.of(eos, stop, pad), check_record(record)
    static = record, length, samples, sampler_axes, bool(early_stop)
    given = on_device((params, decoding.cache, decoding._replace(cache=None), sampler, ending))
    generation, vocabulary = _resume_keeping(model, *given, *static)
    ending.check(vocabulary.shape[-1])
    return generation


def _resume(model, params, cache, rest, sampler, ending, record, length, samples, axes, early_stop):
    decoding = rest._replace(cache=cache)
    size = vocab_size(model, params, decoding.logits, decoding.hidden)

    def body(d, _):
        return _advance(model, params, d, sampler, ending, record, axes)

    if early_stop:
        decoding, steps = _until_done(body, decoding, length, ending.pad)
    else:
        decoding, steps = lax.scan(body, decoding, None, length=length)
    steps = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), steps)
    return generation_of(steps, decoding, samples), empty_vocabulary(size)


_resume_keeping = jax.jit(_resume, static_argnums=(0, 6, 7, 8, 9, 10))
# generate donates the cache that prefill made, so that only one cache is in memory.
_resume_donating = jax.jit(_resume, static_argnums=(0, 6, 7, 8, 9, 10), donate_argnums=2)


# Traced once, though `_until_done` needs its shapes before it loops.
_advance = jax.jit(advance, static_argnums=(0, 5, 6), inline=True)


def _until_done(body, decoding, length, pad):
    """Scan `length` steps in chunks, and stop after the chunk in which the last row is done.

    Only loops carry the cache: `lax.cond` would copy it at every step.
    """
    chunk = max(c for c in range(1, CHUNK + 1) if length % c == 0)
    shapes = jax.eval_shape(lambda d: body(d, None)[1], decoding)

    @functools.partial(in_auto, specs=lambda done: PartitionSpec(None, *rows(done)))
    def unwritten(_):
        steps = jax.tree.map(lambda s: jnp.zeros((length, *s.shape), s.dtype), shapes)
        return steps._replace(tokens=jnp.full_like(steps.tokens, pad))

    def unfinished(carry):
        return (carry[0] < length) & ~jnp.all(carry[1].done)

    def more(carry):
        start, decoding, steps = carry
        decoding, new = lax.scan(body, decoding, None, length=chunk)
        put = functools.partial(lax.dynamic_update_slice_in_dim, start_index=start, axis=0)
        return start + chunk, decoding, jax.tree.map(put, steps, new)

    blank = unwritten(decoding.done)
    return lax.while_loop(unfinished, more, (jnp.int32(0), decoding, blank))[1:]
