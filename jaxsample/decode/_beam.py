"""Beam search."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from jaxsample.decode._arguments import as_array, on_device, positive_int
from jaxsample.decode._branches import (
    blank,
    children,
    ends_text,
    extend,
    grow,
    largest,
    pick,
    root,
    rows_alike,
    turn,
)
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import empty_vocabulary, vocab_size
from jaxsample.decode._prefill import start_states
from jaxsample.decode._records import Records, Support, Top
from jaxsample.decode._sampler_axes import axes_prefix
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.rows._row import Row
from jaxsample.transforms.tokens._stop_strings import StopStrings

RULES: dict[bool | str, int] = {False: 0, True: 1, "never": 2}


class Beams(NamedTuple):
    """The best texts of a beam search for every prompt, the best first.

    Attributes:
        tokens: `[B, R, N]` int32. They include the eos and are followed by `pad`.
        lengths: `[B, R]` int32, the number of tokens, counting the eos.
        scores: `[B, R]`, see `beam`. If a prompt has fewer texts than R, the missing ones have
            the score -inf and no tokens.
        logprobs, model_logprobs, entropy, kept, support, top: the records of every token, see
            `Generation`; `[B, R, N, ..]`, or None if not requested.

    >>> beam(bigram, table, jnp.array([[0]]), chain(), beams=2, max_new_tokens=3).lengths
    Array([[3]], dtype=int32)
    """

    tokens: jax.Array
    lengths: jax.Array
    scores: jax.Array
    logprobs: jax.Array | None
    model_logprobs: jax.Array | None
    entropy: jax.Array | None
    kept: jax.Array | None
    support: Support | None
    top: Top | None


class _Texts(NamedTuple):
    """Texts `[B, W, ..]`: unfinished ones have the sum of their values as score."""

    scores: jax.Array
    lengths: jax.Array
    tokens: jax.Array
    records: Records


def beam(
    model: Model,
    params: Any,
    prompts: ArrayLike,
    sampler: Transform,
    *,
    beams: int,
    max_new_tokens: int,
    lengths: ArrayLike | None = None,
    eos: int | Sequence[int] = (),
    stop: StopStrings | Sequence[Sequence[int]] = (),
    pad: int = 0,
    sampler_axes: Any = None,
    length_penalty: float | jax.Array = 1.0,
    early_stopping: bool | Literal["never"] = False,
    returned: int = 1,
    record: Sequence[Any] = (),
) -> Beams:
    """Search for the likeliest texts by keeping the `beams` best ones at every step.

    The semantics are those of `num_beams` in transformers. At each step the sampler transforms the
    log-probabilities of the model, which are not normalised again. The value of a token is added to
    the score of its text, and the max(2, 1 + number of eos) * `beams` best continuations are
    candidates. Those among the first `beams` that end are finished; the best `beams` of the others
    go on. A text ends with an eos, with a stop sequence or string, or after `max_new_tokens`. The
    score of a finished text is its sum divided by length ** `length_penalty`, and the best `beams`
    finished texts are stored. Where more of the candidates end than that, fewer texts go on.

    The search of a prompt stops after a rule:

    - `early_stopping=True`: as soon as `beams` texts are finished.
    - False: also not before the best unfinished text, divided by its present length **
      `length_penalty`, is below the worst finished one.
    - "never": like False, but with the largest possible length if `length_penalty` is above 0. If
      `length_penalty` is 0 or less, and no value is above 0, this rule finds the best text.

    A temperature measures values from the largest one, as everywhere in this library.

    Args:
        model, params, lengths, sampler_axes: see `prefill`. The cache is gathered by parent at
            every step, which copies it once.
        prompts: `[B, P]` token ids, right-padded. Prompts do not affect each other.
        sampler: any transform that needs no key; `chain()` searches under the model itself. Its
            state follows each text. Under a `TokenAutomaton` all texts are accepted ones.
        beams: the number of texts that are followed; static.
        max_new_tokens: N; static.
        eos, stop, pad: see `step`.
        length_penalty: the exponent; above 0 favours long texts, because sums are negative.
        early_stopping: the rule.
        returned: R, how many texts are returned for each prompt, at most `beams`; static.
        record: see `generate`; static.

    Raises:
        ValueError: if an argument has a wrong type, shape or value, or the sampler needs a key.

    Reference: https://huggingface.co/docs/transformers/main_classes/text_generation

    >>> out = beam(bigram, table, jnp.array([[0], [2]]), chain(), beams=2, max_new_tokens=4, eos=3)
    >>> out.tokens
    Array([[[1, 2, 3, 0]],
           [[3, 0, 0, 0]]], dtype=int32)
    """
    width, length = positive_int("beams", beams), positive_int("max_new_tokens", max_new_tokens)
    returned = positive_int("returned", returned)
    if returned > width:
        raise ValueError(f"returned must be at most the {width} beams, got {returned}")
    if not isinstance(early_stopping, bool | str) or early_stopping not in RULES:
        raise ValueError(f"early_stopping must be True, False or 'never', got {early_stopping!r}")
    penalty = as_array(length_penalty)
    if penalty.shape != ():
        raise ValueError(f"length_penalty must be one number, got {length_penalty!r}")
    decoding, sampler, ending, record = root(
        np.zeros(2, np.uint32),  # no token depends on this key
        model,
        params,
        prompts,
        sampler,
        width=width,
        max_new_tokens=length,
        lengths=lengths,
        eos=eos,
        stop=stop,
        pad=pad,
        sampler_axes=sampler_axes,
        record=record,
    )
    cache, rest = decoding.cache, decoding._replace(cache=None)
    rule = np.int32(RULES[early_stopping])
    given = on_device((params, cache, rest, sampler, ending, penalty.astype(np.float32), rule))
    static = width, length, returned, sampler_axes, record
    found, vocabulary, _ = _search(model, *given, *static)
    ending.check(vocabulary.shape[-1])
    return found


@functools.partial(jax.jit, static_argnums=(0, 8, 9, 10, 11, 12), donate_argnums=2)
def _search(
    model, params, cache, rest, sampler, ending, penalty, rule,
    width, length, returned, axes, record,
):  # fmt: skip
    candidates = max(2, 1 + ending.eos.shape[0]) * width
    batch = rest.done.shape[0] // width
    size = vocab_size(model, params, rest.logits, rest.hidden)
    each = min(candidates, size)

    def power(count):
        return count.astype(jnp.float32) ** penalty

    def rank(sampler, logits, hidden, state):
        """Return a row's log-probabilities and its best children."""
        raw = Row.of(logits)
        normal = raw.logits - raw.max - jnp.log(raw.sum(jnp.exp))
        final, _ = sampler.through(Row.of(normal), state, hidden)
        return normal, children(record, raw, final, *final.ranked(each))

    def expand(logits, decoding, sampler, running):
        """Return the rows that the sampler was given, and the best children of each prompt."""
        each_row = jax.vmap(rank, (axes_prefix(axes), 0, 0, 0))
        normal, found = each_row(sampler, logits, decoding.hidden, decoding.state)
        values, tokens, seen = jax.tree.map(lambda x: x.reshape(batch, width, *x.shape[1:]), found)
        totals = (running.scores[:, :, None] + values).reshape(batch, -1)
        totals, places = largest(totals, candidates)
        tokens, seen = jax.tree.map(lambda x: x.reshape(batch, -1, *x.shape[3:]), (tokens, seen))
        return normal, totals, places // each, pick(tokens, places), pick(seen, places)

    @rows_alike
    def begin(logits, decoding, sampler, pad):
        del pad
        ones = jnp.ones_like(decoding.n)
        texts = ones[:, None], ones, ones, length, size
        # This refuses a sampler that needs a key.
        jax.eval_shape(lambda sampler: start_states(sampler, axes, None, *texts), sampler)
        # All rows of a prompt are equal before the first step, so only the first has children.
        start = jnp.where(jnp.arange(width) == 0, 0.0, -jnp.inf).astype(jnp.float32)
        start = jnp.broadcast_to(start, (batch, width))
        none = jnp.zeros((batch, width), jnp.int32)
        running = _Texts(start, none, jnp.zeros((batch, width, length), jnp.int32), Records())
        given = logits, decoding, sampler, running
        seen = blank(lambda *given: expand(*given)[-1], width, length, *given)
        running = running._replace(records=seen)
        finished = running._replace(scores=jnp.full_like(start, -jnp.inf))
        return running, finished, jnp.zeros(batch, bool)

    @rows_alike
    def advance(logits, n, decoding, sampler, ending, stopping, texts):
        running, finished, closed = texts
        power, largest_power, early = stopping
        normal, totals, parents, tokens, seen = expand(logits, decoding, sampler, running)
        ends = ends_text(decoding, parents, tokens, ending, size) | (n + 1 >= length)

        def child(places, scores):
            of = pick(parents, places)
            put = functools.partial(extend, parents=of, n=n)
            written = put(running.tokens, column=pick(tokens, places))
            records = put(running.records, column=pick(seen, places))
            return _Texts(scores, jnp.full(scores.shape, n + 1), written, records)

        first = jnp.broadcast_to(jnp.arange(width), (batch, width))
        counts = ends[:, :width] & ~closed[:, None]
        scores = jnp.where(counts, totals[:, :width], -jnp.inf) / power
        finished = _best(width, finished, child(first, scores))
        scores, places = largest(jnp.where(ends, -jnp.inf, totals), width)
        running = child(places, scores)
        hope, worst = scores[:, 0] / largest_power, finished.scores[:, -1]
        closed |= ~(hope > worst) | ((worst > -jnp.inf) & early)
        live = (scores > -jnp.inf) & ~closed[:, None]
        given = normal, pick(parents, places), pick(tokens, places), live
        return turn(decoding, sampler, axes, ending, *given), (running, finished, closed)

    def choose(logits, n, decoding, sampler, ending, texts):
        reached = jnp.where((rule == RULES["never"]) & (penalty > 0), length, n + 1)
        stopping = power(n + 1), power(reached), rule == RULES[True]
        return advance(logits, n, decoding, sampler, ending, stopping, texts)

    given = model, params, rest._replace(cache=cache), sampler, ending, length
    texts, cache = grow(*given, begin=begin, choose=choose, finished=lambda texts: texts[2])
    packed = rows_alike(functools.partial(_packed, returned))(texts[1], ending.pad)
    # A donated cache is used in place only if a cache is returned.
    return packed, empty_vocabulary(size), cache


def _best(count, *texts):
    """Return the best of several groups of texts `[B, n, ..]`."""
    every = jax.tree.map(lambda *parts: jnp.concatenate(parts, axis=1), *texts)
    scores, places = largest(every.scores, count)
    return pick(every, places)._replace(scores=scores)


def _packed(returned, texts, pad):
    scores, lengths, tokens, records = jax.tree.map(lambda x: x[:, :returned], texts)
    lengths = jnp.where(scores > -jnp.inf, lengths, 0)
    written = lax.broadcasted_iota(jnp.int32, tokens.shape, 2) < lengths[:, :, None]

    def clear(x):
        here = written.reshape(*written.shape, *[1] * (x.ndim - 3))
        return jnp.where(here, x, jnp.zeros_like(x))

    records = jax.tree.map(clear, records)
    return Beams(jnp.where(written, tokens, pad), lengths, scores, *records)
