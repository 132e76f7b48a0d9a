"""Contexts with the model's logits and the exact truth, and the divergence of a sampler from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxsample import Transform
from jaxsample.learn import Examples, remember

ROWS = 2048
"""Rows of logits that are processed at once. It bounds the memory in addition to the contexts."""

SHARES = {"train": 1 / 2, "val": 1 / 6, "test": 1 / 3}
"""How the contexts of a world without stories are divided."""

TEXTS = 32
"""Texts that the model reads at once."""


class Contexts(NamedTuple):
    """S independent units: a story each, or one context each with T = 1. A pytree.

    Attributes:
        logits: float32 `[S, T, V]`, the model's.
        hidden: float32 `[S, T, D]`, the model's.
        truth: float32 `[S, T, V]`, the exact distribution of the token.
        tokens: int32 `[S, T]`, drawn from `truth`.
        live: bool `[S, T]`, False at padding.
        kinds: int8 `[S, T]`, an index into the world's kinds; -1 at padding.
    """

    logits: jax.Array
    hidden: jax.Array
    truth: jax.Array
    tokens: jax.Array
    live: jax.Array
    kinds: jax.Array


class World(NamedTuple):
    """A model, a truth, and the best sampler from one to the other, as far as it is known.

    Attributes:
        name: its name in results.json.
        kinds: the names of the classes of contexts or of the kinds of slots.
        train, val, test: parts that share no unit.
        ideal: the best temperature by construction, float32 `[S, T]` under "train", "val" and
            "test", 1 where it does not matter; None where no closed form is known.
        interval: `(low, high]`, the values of p at which TopP gives the truth exactly, or None.
    """

    name: str
    kinds: tuple[str, ...]
    train: Contexts
    val: Contexts
    test: Contexts
    ideal: dict[str, jax.Array] | None = None
    interval: tuple[float, float] | None = None


def single(logits: Any, hidden: Any, truth: Any, tokens: Any, kinds: Any) -> Contexts:
    """Return N units of one position each, from arrays `[N, ..]`."""
    dtypes = (jnp.float32, jnp.float32, jnp.float32, jnp.int32, jnp.int8)
    arrays = (logits, hidden, truth, tokens, kinds)
    found = [jnp.asarray(x, dtype)[:, None] for x, dtype in zip(arrays, dtypes, strict=True)]
    return Contexts(*found[:4], jnp.ones(found[4].shape, bool), found[4])


def said(checkpoint: Any, tokens: np.ndarray, begin: int) -> tuple[jax.Array, jax.Array]:
    """Return a checkpoint's outputs before each token of texts `[S, T]`: logits and hidden.

    Args:
        checkpoint: of `jaxsample_models`, with `unembed`.
        tokens: right-padded; ignore the outputs at padding.
        begin: the token before each text.
    """
    texts = Examples(np.asarray(tokens), prompts=np.full((len(tokens), 1), begin, np.int32))
    model, params = checkpoint.model, checkpoint.params
    hidden = jnp.asarray(remember(model, params, texts, batch_size=TEXTS).hidden)
    unembed = jax.jit(model.unembed)
    parts = [unembed(params, hidden[i : i + TEXTS]) for i in range(0, len(hidden), TEXTS)]
    return jnp.concatenate(parts).astype(jnp.float32), hidden


def take(contexts: Any, units) -> Any:
    """Return some units, by index or slice, of contexts or of an array `[S, ..]`."""
    return jax.tree.map(lambda field: field[units], contexts)


def divided(contexts: Any) -> dict[str, Any]:
    """Return the parts of a world: `SHARES` of the units, in order."""
    count = len(jax.tree.leaves(contexts)[0])
    ends = np.round(np.cumsum(list(SHARES.values())) * count).astype(int).tolist()
    slices = map(slice, [0, *ends], ends)
    return {part: take(contexts, units) for part, units in zip(SHARES, slices, strict=True)}


def examples(contexts: Contexts) -> Examples:
    """Return the units as texts to learn from, with the model's outputs before each token."""
    lengths = contexts.live.sum(axis=1, dtype=jnp.int32)
    return Examples(contexts.tokens, lengths, logits=contexts.logits, hidden=contexts.hidden)


def streamed(contexts: Contexts, size: int) -> Callable[[jax.Array], Examples]:
    """Return a function of a key: `examples` of `size` random units with new labels.

    The labels are drawn from the truth at each call, so a network cannot memorise them.
    """

    def draw(key):
        choice, label = jax.random.split(key)
        some = take(contexts, jax.random.randint(choice, (size,), 0, len(contexts.tokens)))
        tokens = jax.random.categorical(label, jnp.log(some.truth)).astype(jnp.int32)
        return examples(some._replace(tokens=jnp.where(some.live, tokens, 0)))

    return draw


def kl(truth: jax.Array, logits: jax.Array) -> jax.Array:
    """Return KL(truth `[V]` || softmax(logits `[V]`)) in nats, inf where support is missing."""
    logprobs = jax.nn.log_softmax(logits)
    return jnp.sum(jnp.where(truth > 0, truth * (jnp.log(truth) - logprobs), 0.0))


@jax.jit
def divergence(sampler: Transform, contexts: Contexts) -> jax.Array:
    """Return the exact KL(truth || sampler) at every position, nats per token `[S, T]`.

    It is inf where the sampler removes a token that the truth allows, NaN where it keeps no token,
    and 0 at padding. A sampler with state reads the tokens of each unit in turn. It compiles once
    for each structure of sampler, because the leaves are arguments.

    Raises:
        ValueError: if the sampler needs a key or a prompt.
    """
    state = sampler.init(None, None)
    if jax.tree.leaves(state):
        found = by_unit(lambda unit: _along(sampler, state, unit), contexts)
    else:
        found = by_unit(jax.vmap(lambda at: _here(sampler, state, at)), contexts)
    return jnp.where(contexts.live, found, 0.0)


@jax.jit
def divergence_at(temperatures: jax.Array, contexts: Contexts) -> jax.Array:
    """Return KL(truth || softmax(logits / T)) for one temperature per position, both `[S, T]`."""

    def here(at):
        temperature, contexts = at
        return kl(contexts.truth, contexts.logits / temperature)

    found = by_unit(jax.vmap(here), (temperatures, contexts))
    return jnp.where(contexts.live, found, 0.0)


def per_unit(kl: jax.Array, live: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the mean per token of each unit `[S]`, and the mean over all tokens `[]`."""
    total = jnp.sum(jnp.where(live, kl, 0.0), axis=1)
    count = live.sum(axis=1)
    return total / count, total.sum() / count.sum()


def by_unit(function, units):
    """Map over the units of a pytree of `[S, T, ..]`, as many at once as `ROWS` allows."""
    length = jax.tree.leaves(units)[-1].shape[1]
    return lax.map(function, units, batch_size=max(ROWS // length, 1))


def _here(sampler, state, at):
    return kl(at.truth, sampler(at.logits, state, at.hidden))


def _along(sampler, state, unit):
    def body(state, at):
        moved = sampler.update(state, at.logits, at.tokens, at.hidden)
        moved = jax.tree.map(lambda new, old: jnp.where(at.live, new, old), moved, state)
        return moved, _here(sampler, state, at)

    return lax.scan(body, state, unit)[1]
