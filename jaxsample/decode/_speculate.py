"""Speculative decoding: a draft proposes tokens, and the model reads several of them at once."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from jaxsample.decode._arguments import check_prompts, on_device, per_row, positive_int
from jaxsample.decode._contract import streams_of
from jaxsample.decode._drafts import Draft, Next
from jaxsample.decode._generate import start
from jaxsample.decode._generation import Generation, generation_of
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import empty_vocabulary, kept, last_output, next_logits
from jaxsample.decode._records import check_record
from jaxsample.decode._sampler_axes import repeat_rows
from jaxsample.decode._step import Ending, choose
from jaxsample.decode._written import unwritten, write
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.tokens._stop_strings import StopStrings


def speculate(
    key: jax.Array,
    model: Model,
    params: Any,
    prompts: ArrayLike,
    sampler: Transform,
    *,
    draft: Draft,
    draft_params: Any = None,
    ahead: int = 4,
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
) -> Generation:
    """Generate the tokens of `generate`, several at a time where a draft foresees them.

    A proposed token stays if it equals the token that the model itself draws there with the row's
    key. So the output does not depend on the draft: tokens, records and state are those of
    `generate`, for any chain, and `decoding` goes on by `step` or `resume`. (Its cache may hold
    wrong proposals, which no later token sees. A model's own rounding may differ between one column
    and several.)

    It pays where a step waits for the weights to be read, as on accelerators with few rows.

    Args:
        draft: `lookup()`, `by_model(model)`, or your own `Draft`.
        draft_params: the parameters of the draft.
        ahead: K, the number of tokens that are proposed at a time; static.
        model: a model of one stream. A model without `rewinds` reads accepted tokens a second
            time. A mesh has Auto axes.
        key, params, prompts, sampler, max_new_tokens, max_length, lengths: see `generate`.
        eos, stop, pad, budget, samples, sampler_axes, record: see `generate`.

    Raises:
        ValueError: if an argument has a wrong type, shape or value.

    >>> out = speculate(jax.random.key(0), bigram, table, jnp.array([[0], [2]]), TopK(1),
    ...                 draft=by_model(bigram), draft_params=table, max_new_tokens=4)
    >>> out.tokens
    Array([[1, 2, 3, 0],
           [3, 0, 1, 2]], dtype=int32)
    """
    length, ahead = positive_int("max_new_tokens", max_new_tokens), positive_int("ahead", ahead)
    samples = None if samples is None else positive_int("samples", samples)
    if not isinstance(draft, Draft):
        raise ValueError(f"draft must be lookup(), by_model(model) or a Draft, got {draft!r}")
    if streams_of(model) > 1:
        raise ValueError("speculate is for models of one stream")
    ending, record = Ending.of(eos, stop, pad), check_record(record)
    prompts = check_prompts(prompts, 1)
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
    room = prompts.shape[1] + length if max_length is None else max_length
    ahead = min(ahead, max(1, room - 1))  # more could not be read
    lengths = per_row("lengths", lengths, prompts.shape[1], prompts.shape[:1], 1, prompts.shape[1])
    given = on_device((draft_params, prompts, lengths))
    drafting = _begin(draft, *given, room, samples)
    cache, rest = decoding.cache, decoding._replace(cache=None)
    given = on_device((params, draft_params, cache, drafting, rest, sampler, ending))
    static = ahead, record, length, samples, sampler_axes
    generation, vocabulary = _speculate(model, draft, *given, *static)
    ending.check(vocabulary.shape[-1])
    return generation


@functools.partial(jax.jit, static_argnums=(0, 4, 5))
def _begin(draft, params, prompts, lengths, max_length, samples):
    state = draft.init(params, prompts, lengths, max_length)
    return state if samples is None else repeat_rows(state, samples)


@functools.partial(jax.jit, static_argnums=(0, 1, 9, 10, 11, 12, 13), donate_argnums=4)
def _speculate(
    model, draft, params, draft_params, cache, drafting, rest, sampler, ending, ahead, record,
    length, samples, axes,
):  # fmt: skip
    batch = rest.done.shape[0]
    draw = functools.partial(choose, record, axes)

    def unfinished(carry):
        return ~jnp.all(carry[0].done | (carry[0].n - first >= length))

    def round_(carry):
        rest, cache, drafting, written = carry
        old = rest.logits, rest.hidden
        ended = rest.done | (rest.n - first >= length)
        logits = next_logits(model, params, *old)
        # A row that has all its tokens stands still, but is not done: `resume` may go on.
        now = rest._replace(logits=None, done=ended)
        after, drawn, (tokens, positions) = draw(logits, now, sampler, ending)
        written = write(written, drawn, rest.n - first, ~ended)
        rest = _moved(~ended, after, now._replace(done=rest.done))
        token, position = tokens[:, 0], positions[:, 0]

        left = jnp.minimum(rest.remaining, length - (rest.n - first))
        going = (position >= 0) & ~rest.done & (left > 0)
        at = Next(
            token, jnp.where(going, position, -1), rest.keys, rest.n, sampler, rest.state, axes
        )
        proposed, drafting = draft.propose(draft_params, drafting, ahead, at)
        offsets = jnp.arange(1, ahead + 1, dtype=jnp.int32)
        usable = (proposed >= 0) & (proposed < logits.shape[-1]) & (offsets[None] <= left[:, None])
        usable = going[:, None] & jnp.cumprod(usable.astype(jnp.int32), axis=1).astype(bool)
        proposed = jnp.where(usable, proposed, -1)
        tokens = jnp.concatenate([tokens, jnp.maximum(proposed, 0)], axis=1)
        ahead_of = jnp.where(usable, position[:, None] + offsets[None], -1)
        positions = jnp.concatenate([positions, ahead_of], axis=1)
        output = model.apply(params, tokens, positions, cache)

        def check(carry, i):
            rest, written, going, right = carry
            seen = last_output(model, params, output, jnp.broadcast_to(i, (batch,)))
            logits = next_logits(model, params, *seen)
            now = rest._replace(hidden=seen[1], done=~going)
            after, drawn, _ = draw(logits, now, sampler, ending)
            hit = going & usable[:, i] & (drawn.tokens == proposed[:, i])
            written = write(written, drawn, rest.n - first, hit)
            rest = _moved(hit, after, rest)
            return (rest, written, hit & ~rest.done, right + hit.astype(jnp.int32)), None

        none = jnp.zeros(batch, jnp.int32)
        carry = rest, written, going, none
        carry, _ = lax.scan(check, carry, jnp.arange(ahead, dtype=jnp.int32))
        rest, written, _, right = carry
        seen = kept(last_output(model, params, output, right), old, position >= 0)
        stays = jnp.arange(ahead + 1, dtype=jnp.int32)[None] <= right[:, None]
        positions = jnp.where(stays, positions, -1)
        if model.rewinds:
            cache = output.cache
        else:
            cache = model.apply(params, tokens, positions, cache).cache
        drafting = draft.keep(draft_params, drafting, tokens, positions)
        rest = rest._replace(logits=seen[0], hidden=seen[1])
        return rest, cache, drafting, written

    first = rest.n
    size = next_logits(model, params, rest.logits, rest.hidden).shape[-1]
    shapes = jax.eval_shape(
        lambda logits, rest: draw(logits, rest._replace(logits=None), sampler, ending)[1],
        jax.ShapeDtypeStruct((batch, size), jnp.float32), rest,
    )  # fmt: skip
    written = unwritten(shapes, batch, length)
    written = written._replace(tokens=jnp.full_like(written.tokens, ending.pad))
    carry = rest, cache, drafting, written
    rest, cache, _, written = lax.while_loop(unfinished, round_, carry)
    generation = generation_of(written, rest._replace(cache=cache), samples)
    return generation, empty_vocabulary(size)


def _moved(moves, after, before):
    """Take the fields of `after` in the rows that move; the output of the model stays."""
    fields = {name: getattr(before, name) for name in ("hidden", "logits", "cache", "keys")}
    after, rest = (d._replace(**dict.fromkeys(fields)) for d in (after, before))
    return kept(after, rest, moves)._replace(**fields)
