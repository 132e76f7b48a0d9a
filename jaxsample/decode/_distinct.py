"""Sampling of different texts: stochastic beam search."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxsample.decode._arguments import on_device, positive_int
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
from jaxsample.decode._keys import draw_keys
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import empty_vocabulary, vocab_size
from jaxsample.decode._records import Records, Support, Top
from jaxsample.decode._sampler_axes import axes_prefix
from jaxsample.kernels._largest import top_k
from jaxsample.kernels._noise import fold_in, gumbel
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.rows._row import Row
from jaxsample.transforms.tokens._stop_strings import StopStrings

ROOT_STREAM, CHILD_STREAM = 1, 0  # streams of the noise of the whole tree and of children


class Distinct(NamedTuple):
    """Different texts for every prompt, in the order in which they were drawn.

    Attributes:
        tokens: `[B, G, N]` int32. They include the eos and are followed by `pad`; an invalid text
            has one -1 before `pad`.
        lengths: `[B, G]` int32, the number of tokens, counting the eos but not -1.
        likelihoods: `[B, G]` nats, the log-probability of each text under the sampler. If the
            sampler can write fewer than G texts, the missing ones have -inf and no tokens.
        inclusion: `[B, G]`, the probability that the text exceeds the threshold of this draw.
        weights: `[B, G]`, probability / inclusion; 0 for a missing text. The sum of weights *
            f(text) over the texts is an unbiased estimate of the mean of f under the sampler.
        invalid: `[B, G]` bool, whether the text ended because its logits were invalid.
        logprobs, model_logprobs, entropy, kept, support, top: the records of every token, see
            `Generation`; `[B, G, N, ..]`, or None if not requested.

    >>> out = sample_without_replacement(jax.random.key(0), bigram, table, jnp.array([[0]]),
    ...                                  TopK(1), samples=2, max_new_tokens=3)
    >>> out.lengths, out.weights  # there is one text only
    (Array([[3, 0]], dtype=int32), Array([[1., 0.]], dtype=float32))
    """

    tokens: jax.Array
    lengths: jax.Array
    likelihoods: jax.Array
    inclusion: jax.Array
    weights: jax.Array
    invalid: jax.Array
    logprobs: jax.Array | None
    model_logprobs: jax.Array | None
    entropy: jax.Array | None
    kept: jax.Array | None
    support: Support | None
    top: Top | None


class _Leaves(NamedTuple):
    """Nodes of the tree `[B, G, ..]`, the ones with the largest noisy log-probability first."""

    noisy: jax.Array
    likelihoods: jax.Array
    lengths: jax.Array
    done: jax.Array
    invalid: jax.Array
    tokens: jax.Array
    records: Records


def sample_without_replacement(
    key: jax.Array,
    model: Model,
    params: Any,
    prompts: ArrayLike,
    sampler: Transform,
    *,
    samples: int,
    max_new_tokens: int,
    lengths: ArrayLike | None = None,
    eos: int | Sequence[int] = (),
    stop: StopStrings | Sequence[Sequence[int]] = (),
    pad: int = 0,
    sampler_axes: Any = None,
    record: Sequence[Any] = (),
) -> Distinct:
    """Draw `samples` different texts for every prompt, without replacement.

    The first text is drawn from the law of `generate`, the second from that law without the first
    text, and so on. This is stochastic beam search: a text of log-probability phi has the noisy one
    phi + Gumbel noise, and the texts with the largest noisy log-probabilities are such a draw. They
    are found from the top of the tree, because the largest noisy log-probability below a node is
    one Gumbel variable too. The next one below them is the threshold of `Distinct.inclusion`.

    Args:
        key, model, params, prompts, lengths, sampler_axes: see `prefill`. The cache is gathered
            by parent at every step, which copies it once.
        sampler: any transform. Its state follows each text. If it draws random numbers of its own,
            all texts of a prompt have the same.
        samples: G; static.
        max_new_tokens: N; static. A text that reaches it is cut off there, and counts as it is.
        eos, stop, pad: see `step`.
        record: see `generate`; static.

    Raises:
        ValueError: if an argument has a wrong type, shape or value.

    Reference: Kool et al., 2019, https://arxiv.org/abs/1903.06059

    >>> out = sample_without_replacement(jax.random.key(0), bigram, table, jnp.array([[0]]),
    ...                                  chain(), samples=4, max_new_tokens=1)
    >>> sorted(out.tokens[0, :, 0].tolist())
    [0, 1, 2, 3]
    """
    count = positive_int("samples", samples)
    length = positive_int("max_new_tokens", max_new_tokens)
    decoding, sampler, ending, record = root(
        key,
        model,
        params,
        prompts,
        sampler,
        width=count,
        max_new_tokens=length,
        lengths=lengths,
        eos=eos,
        stop=stop,
        pad=pad,
        sampler_axes=sampler_axes,
        record=record,
    )
    cache, rest = decoding.cache, decoding._replace(cache=None)
    given = on_device((params, cache, rest, sampler, ending))
    found, vocabulary, _ = _search(model, *given, count, length, sampler_axes, record)
    ending.check(vocabulary.shape[-1])
    return found


@functools.partial(jax.jit, static_argnums=(0, 6, 7, 8, 9), donate_argnums=2)
def _search(model, params, cache, rest, sampler, ending, count, length, axes, record):
    batch = rest.done.shape[0] // count
    size = vocab_size(model, params, rest.logits, rest.hidden)
    each = min(count + 1, size)

    def rank(sampler, logits, hidden, state, key, noisy, likelihood, live):
        """Return a node's best children; a node that does not go on is its own only child."""
        raw = Row.of(logits)
        final, _ = sampler.through(raw, state, hidden)
        values = likelihood + final.values - final.max - jnp.log(final.sum(jnp.exp))
        noise = gumbel(key, CHILD_STREAM, jnp.arange(size, dtype=jnp.uint32))
        found, tokens = top_k(values + noise, each)
        found = _at_most(noisy, found)
        grows, first = live & final.valid, jnp.arange(each) == 0
        found = jnp.where(grows, found, jnp.where(first, noisy, -jnp.inf))
        tokens = jnp.where(grows, tokens, jnp.where(live, -1, 0))
        values = jnp.where(grows, values[jnp.maximum(tokens, 0)], likelihood)
        seen = children(record, raw, final, found, tokens)[-1]
        seen = jax.tree.map(lambda x: jnp.where(live, x, jnp.zeros_like(x)), seen)
        return found, (values, tokens, seen, jnp.broadcast_to(grows, (each,)))

    def expand(logits, decoding, sampler, nodes):
        """Return the best children of each prompt, the next noisy one, and parents."""
        live = (~nodes.done & (nodes.noisy > -jnp.inf)).reshape(-1)
        slots = jnp.tile(jnp.arange(count, dtype=jnp.int32), batch)
        keys = fold_in(draw_keys(decoding.keys, jnp.max(decoding.n)), slots)
        of_nodes = nodes.noisy.reshape(-1), nodes.likelihoods.reshape(-1), live
        each_row = jax.vmap(rank, (axes_prefix(axes), *[0] * 7))
        found = each_row(sampler, logits, decoding.hidden, decoding.state, keys, *of_nodes)
        noisy, others = jax.tree.map(lambda x: x.reshape(batch, count * each, *x.shape[2:]), found)
        noisy, places = largest(noisy, count + 1)
        kept = places[:, :count]
        return noisy[:, :count], pick(others, kept), noisy[:, count], kept // each

    @rows_alike
    def begin(logits, decoding, sampler, pad):
        # All rows of a prompt are equal before the first step, so only the first has children.
        keys = decoding.keys.reshape(batch, count)[:, 0]
        whole = jax.vmap(lambda k: gumbel(k, ROOT_STREAM, jnp.uint32(0)))(keys)
        first = jnp.broadcast_to(jnp.arange(count) == 0, (batch, count))
        noisy = jnp.where(first, whole[:, None], -jnp.inf)
        none, no = jnp.zeros((batch, count), jnp.int32), jnp.zeros((batch, count), bool)
        tokens = jnp.full((batch, count, length), pad)
        nodes = _Leaves(noisy, jnp.zeros_like(noisy), none, no, no, tokens, Records())
        given = logits, decoding, sampler, nodes
        seen = blank(lambda *given: expand(*given)[1][2], count, length, *given)
        return nodes._replace(records=seen), jnp.full(batch, -jnp.inf)

    @rows_alike
    def choose(logits, n, decoding, sampler, ending, tree):
        nodes, threshold = tree
        noisy, found, dropped, parents = expand(logits, decoding, sampler, nodes)
        likelihoods, tokens, seen, grows = found
        of = pick(nodes._replace(tokens=None, records=None), parents)
        put = functools.partial(extend, parents=parents, n=n)
        there, tokens = noisy > -jnp.inf, jnp.where(of.done, ending.pad, tokens)
        after = _Leaves(
            noisy,
            likelihoods,
            of.lengths + (grows & there).astype(jnp.int32),
            of.done | ~grows | ends_text(decoding, parents, tokens, ending, size),
            of.invalid | (~of.done & ~grows & there),
            put(nodes.tokens, column=tokens),
            put(nodes.records, column=seen),
        )
        turned = turn(decoding, sampler, axes, ending, logits, parents, tokens, there & ~after.done)
        return turned, (after, jnp.maximum(threshold, dropped))

    def finished(tree):
        nodes, _ = tree
        return nodes.done | (nodes.noisy == -jnp.inf)

    given = model, params, rest._replace(cache=cache), sampler, ending, length
    tree, cache = grow(*given, begin=begin, choose=choose, finished=finished)
    # A donated cache is used in place only if a cache is returned.
    return rows_alike(_packed)(*tree, ending.pad), empty_vocabulary(size), cache


def _at_most(top, found):
    """Condition Gumbel variables in descending order on their maximum being `top`."""
    gap = found - found[0]
    v = top - found + jnp.log1p(-jnp.exp(gap))
    conditioned = top - jnp.maximum(v, 0.0) - jnp.log1p(jnp.exp(-jnp.abs(v)))
    return jnp.where(found > -jnp.inf, conditioned, -jnp.inf)


def _packed(nodes, threshold, pad):
    there = nodes.noisy > -jnp.inf
    likelihoods = jnp.where(there, nodes.likelihoods, -jnp.inf)
    inclusion = jnp.where(there, _exceeds(likelihoods - threshold[:, None]), -jnp.inf)
    weights = jnp.exp(jnp.where(there, likelihoods - inclusion, -jnp.inf))
    tokens = jnp.where(there[:, :, None], nodes.tokens, pad)
    lengths = jnp.where(there, nodes.lengths, 0)
    records = jax.tree.map(
        lambda x: jnp.where(there.reshape(*there.shape, *[1] * (x.ndim - 2)), x, jnp.zeros_like(x)),
        nodes.records,
    )
    values = likelihoods, jnp.exp(inclusion), weights, nodes.invalid & there
    return Distinct(tokens, lengths, *values, *records)


def _exceeds(shift):
    """The log-probability that a Gumbel variable plus a shift exceeds 0."""
    rate = jnp.exp(jnp.minimum(shift, 80.0))
    rare = shift < -10
    likely = jnp.log(-jnp.expm1(-jnp.where(rare, 1.0, rate)))
    return jnp.where(rare, shift - rate / 2, likely)
