"""One step of decoding: draw a token for every row, record it, and feed it to the model."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.decode._arguments import on_device
from jaxsample.decode._ending import Ending, written
from jaxsample.decode._keys import draw_keys
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import (
    empty_vocabulary,
    kept,
    last_output,
    next_logits,
    vocab_size,
)
from jaxsample.decode._records import (
    Drawn,
    Support,
    Top,
    check_record,
    observe,
    settle_and_observe,
)
from jaxsample.decode._sampler_axes import axes_prefix, check_axes
from jaxsample.kernels._auto_axes import alike, in_auto, rows
from jaxsample.transforms.contract._exported import exported
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.rows._row import Row
from jaxsample.transforms.tokens._stop_strings import StopStrings


@exported
class Decoding(NamedTuple):
    """The state of decoding: a pytree whose leaves all have the rows as their first axis.

    Rows can be gathered, scattered and replaced, for example by a continuous batcher.

    Attributes:
        cache: the model's cache.
        logits: `[B, V]` float32 for the next token, or None if `Model.unembed` computes them.
        hidden: `[B, D]`, the model's last hidden state, or None.
        state: the sampler's state.
        keys: `[B]` row keys.
        position: `[B]` int32, the position of the next token.
        n: `[B]` int32, the number of tokens drawn.
        remaining: `[B]` int32, how many more tokens may be drawn.
        recent: `[B, 32]` int32, the last output tokens; -1 before the first.
        matched: `[B, 2]` int32, how much of a stop string is written, see `StopStrings`.
        done: `[B]` bool, whether the row has ended.

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
    matched: jax.Array
    done: jax.Array


@exported
class Step(NamedTuple):
    """One token of every row; see `Generation` for the records.

    Attributes:
        tokens: `[B]` int32, `pad` for rows that were done before, -1 for invalid rows.
        live: `[B]` bool, whether the row was not done before this step.
        invalid: `[B]` bool, whether the row turned invalid in this step.
        invalid_logits: `[B]` bool, whether the model itself returned the invalid logits.

    >>> prompts = jnp.array([[0], [2]])
    >>> decoding = prefill(jax.random.key(0), bigram, table, prompts, TopK(1), max_length=5)
    >>> _, drawn = step(bigram, table, decoding, TopK(1), record=("kept",))
    >>> drawn.live.tolist(), drawn.kept.tolist(), drawn.entropy
    ([True, True], [1, 1], None)
    """

    tokens: jax.Array
    live: jax.Array
    invalid: jax.Array
    invalid_logits: jax.Array
    logprobs: jax.Array | None
    model_logprobs: jax.Array | None
    entropy: jax.Array | None
    kept: jax.Array | None
    support: Support | None
    top: Top | None


def check_decoding(decoding: Any) -> None:
    """Check that a value is a `Decoding`, and not the None that `generate` returns with slots.

    Raises:
        ValueError: if it is not a `Decoding`.
    """
    if not isinstance(decoding, Decoding):
        raise ValueError(
            f"decoding must be a Decoding, got {decoding!r}; generate without slots returns one"
        )


def step(
    model: Model,
    params: Any,
    decoding: Decoding,
    sampler: Transform,
    *,
    eos: int | Sequence[int] = (),
    stop: StopStrings | Sequence[Sequence[int]] = (),
    pad: int = 0,
    record: Sequence[Any] = (),
    sampler_axes: Any = None,
) -> tuple[Decoding, Step]:
    """Draw one token for every row and feed it to the model.

    A row that is done is fed `pad` at position -1; its position, n and state do not change.

    Args:
        model, params, sampler, sampler_axes: the arguments of `prefill`, which made `decoding`;
            with `sampler_axes`, leaves carry the rows of `decoding`.
        eos: token ids that end a row; they stay in its tokens.
        stop: token sequences, or strings as `jaxsample.interop.stop_strings` packs them. A row
            ends once its output ends with one of the sequences or holds one of the strings. The
            tokens include the last one.
        pad: the token that fills a row after its end.
        record: see `generate`; static.

    Raises:
        ValueError: if an argument has a wrong type, shape or value. A token id outside of the
            vocabulary is one, unless it is on a device, where it is not read.

    >>> prompts = jnp.array([[0], [2]])
    >>> decoding = prefill(jax.random.key(0), bigram, table, prompts, TopK(1), max_length=5)
    >>> for _ in range(2):
    ...     decoding, drawn = step(bigram, table, decoding, TopK(1), eos=3)
    ...     print(drawn.tokens, decoding.done)
    [1 3] [False  True]
    [2 0] [False  True]
    """
    check_decoding(decoding)
    check_axes(sampler, sampler_axes, decoding.done.shape[0])
    ending = Ending.of(eos, stop, pad)
    given = on_device((params, decoding, sampler, ending))
    decoding, drawn, vocabulary = _step(model, *given, check_record(record), sampler_axes)
    ending.check(vocabulary.shape[-1])
    return decoding, drawn


@functools.partial(jax.jit, static_argnums=(0, 5, 6))
def _step(model, params, decoding, sampler, ending, record, axes):
    size = vocab_size(model, params, decoding.logits, decoding.hidden)
    decoding, drawn = advance(model, params, decoding, sampler, ending, record, axes)
    return decoding, drawn, empty_vocabulary(size)


def advance(
    model: Model,
    params: Any,
    decoding: Decoding,
    sampler: Any,
    ending: Ending,
    record: tuple,
    axes: Any,
) -> tuple[Decoding, Step]:
    """Run one `step` on checked arguments."""
    logits = next_logits(model, params, decoding.logits, decoding.hidden)
    # The model runs outside: a model for Explicit axes names them.
    rest: Any = decoding._replace(cache=None, logits=None)
    rest, drawn, (tokens, positions) = choose(record, axes, logits, rest, sampler, ending)
    output = model.apply(params, tokens, positions, decoding.cache)
    new = last_output(model, params, output, jnp.zeros_like(drawn.tokens))
    old = decoding.logits, decoding.hidden
    logits, hidden = in_auto(kept, alike)(new, old, positions[:, 0] >= 0)
    return rest._replace(cache=output.cache, logits=logits, hidden=hidden), drawn


def choose(record, axes, logits, decoding, sampler, ending):
    """Draw a token for every row; return the decoding after it, its records and what to feed.

    The cache and the logits of `decoding` are None, and so is the hidden state after it.
    """
    inside = in_auto(functools.partial(_choose, record, axes), lambda _, d, *more: rows(d.position))
    return inside(logits, decoding, sampler, ending)


def _choose(record, axes, logits, d, sampler, ending):
    live = ~d.done
    keys = draw_keys(d.keys, d.n)
    draw = functools.partial(draw_row, record)
    each_row = jax.vmap(draw, in_axes=(axes_prefix(axes), 0, 0, 0, 0, 0))
    tokens, fit, state, seen = each_row(sampler, logits, d.hidden, d.state, keys, live)

    fed = live & (tokens >= 0)
    invalid = live & (tokens < 0)
    tokens = jnp.where(live, tokens, ending.pad)
    counted = fed.astype(jnp.int32)
    recent, matched, ended = written(d.recent, d.matched, tokens, fed, logits.shape[1], ending)
    remaining = d.remaining - counted
    done = d.done | ended | invalid | (remaining <= 0)

    after = d._replace(
        hidden=None,
        state=state,
        position=d.position + counted,
        n=d.n + counted,
        remaining=remaining,
        recent=recent,
        matched=matched,
        done=done,
    )
    read = jnp.where(fed, tokens, ending.pad), jnp.where(fed, d.position, -1)
    drawn = Step(tokens, live, invalid, invalid & ~fit, **seen._asdict())
    return after, drawn, tuple(x[:, None] for x in read)


def draw_row(record, sampler, logits, hidden, state, key, live):
    """Draw for one row; return the token, whether the logits are valid, the state, the records."""
    raw = Row.of(logits)
    final, received = sampler.through(raw, state, hidden)
    drawn = Drawn(final.draw(key), raw, final, received)
    look = functools.partial(observe, record)
    state, seen = settle_and_observe(look, sampler, state, hidden, drawn, live)
    return drawn.token, raw.valid, state, seen
