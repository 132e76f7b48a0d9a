"""A tree of texts: rows that each have one parent in the step before, for every kind of search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from jaxsample.decode._arguments import positive_int
from jaxsample.decode._ending import Ending, written
from jaxsample.decode._generate import start
from jaxsample.decode._model import Model
from jaxsample.decode._model_output import last_output, next_logits
from jaxsample.decode._records import Records, check_record, observe
from jaxsample.decode._sampler_axes import axes_prefix
from jaxsample.decode._step import Decoding
from jaxsample.kernels._auto_axes import alike, in_auto, rows
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.rows._row import Row
from jaxsample.transforms.tokens._stop_strings import StopStrings


def root(
    key: Any,
    model: Model,
    params: Any,
    prompts: ArrayLike,
    sampler: Transform,
    *,
    width: int,
    max_new_tokens: int,
    lengths: ArrayLike | None,
    eos: int | Sequence[int],
    stop: StopStrings | Sequence[Sequence[int]],
    pad: int,
    sampler_axes: Any,
    record: Sequence[Any],
) -> tuple[Decoding, Any, Ending, tuple]:
    """Check the arguments, and read every prompt into `width` equal rows.

    The second result is the sampler of these rows.

    The budget of every row is `max_new_tokens`, so that an automaton finishes in time.
    """
    ending, record = Ending.of(eos, stop, pad), check_record(record)
    decoding, sampler = start(
        key,
        model,
        params,
        prompts,
        sampler,
        max_new_tokens=positive_int("max_new_tokens", max_new_tokens),
        max_length=None,
        lengths=lengths,
        budget=max_new_tokens,
        samples=width,
        sampler_axes=sampler_axes,
    )
    return decoding, sampler, ending, record


def children(
    record: tuple, raw: Row, final: Row, values: jax.Array, tokens: jax.Array
) -> tuple[jax.Array, jax.Array, Records]:
    """Return the values `[K]` and tokens `[K]` of a row's best children, and their records.

    Args:
        record: from `check_record`.
        raw, final: the row before and after the sampler.
        values, tokens: of the children; a child of value -inf does not exist.
    """
    values = jnp.where(final.valid, values, -jnp.inf)
    return values, tokens, jax.vmap(lambda token: observe(record, raw, final, token))(tokens)


def ends_text(
    decoding: Decoding, parents: jax.Array, tokens: jax.Array, ending: Ending, size: int
) -> jax.Array:
    """Return whether each child `[B, K]` ends its text; `size` is V. See `turn` for the others."""
    flat, column = _rows(decoding, parents), tokens.reshape(-1)
    before = decoding.recent[flat], decoding.matched[flat]
    given = column, jnp.ones(column.shape, bool), size, ending
    return written(*before, *given)[-1].reshape(tokens.shape)


def _rows(decoding, parents):
    """Return the rows of parents `[B, K]`, which are places among the rows of each prompt."""
    batch = parents.shape[0]
    first = decoding.n.shape[0] // batch * jnp.arange(batch, dtype=jnp.int32)
    return (parents + first[:, None]).reshape(-1)


def pick(tree: Any, places: jax.Array) -> Any:
    """Take the entries `[B, K]` of every leaf `[B, n, ..]`."""
    return jax.tree.map(lambda x: jax.vmap(lambda x, i: x[i])(x, places), tree)


def extend(written: Any, parents: jax.Array, column: Any, n: jax.Array) -> Any:
    """Take the parents' histories `[B, W, N, ..]`, and write the new tokens' column n."""
    return jax.tree.map(lambda all, new: all.at[:, :, n].set(new), pick(written, parents), column)


def blank(step: Callable[..., Any], count: int, length: int, *given: Any) -> Any:
    """Return zeros `[B, count, length, ..]` for a column `[B, K, ..]` that `step(*given)` makes."""
    shapes = jax.eval_shape(step, *given)
    return jax.tree.map(
        lambda s: jnp.zeros((s.shape[0], count, length, *s.shape[2:]), s.dtype), shapes
    )


def rows_alike(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Make `fn` run under Explicit axes; its results have the rows of its first argument."""
    return in_auto(fn, lambda first, *_: rows(jax.tree.leaves(first)[0]))


def turn(
    decoding: Decoding,
    sampler: Any,
    axes: Any,
    ending: Ending,
    logits: jax.Array,
    parents: jax.Array,
    tokens: jax.Array,
    live: jax.Array,
) -> tuple[Decoding, tuple]:
    """Replace every row by a child of some row; return also the flat parents, and what to feed.

    Args:
        decoding: without cache and logits.
        sampler, axes: the transform of the rows, and their `sampler_axes`. Rows of a prompt share
            its leaves.
        ending: from `root`.
        logits: `[R, V]`, what the sampler was given in the rows of `decoding`.
        parents: `[B, W]`, the parent's place among the W rows of its prompt.
        tokens: `[B, W]`, the tokens of the children.
        live: `[B, W]`, whether the child goes on. Any other row is not fed.
    """
    flat = _rows(decoding, parents)
    tokens, live = tokens.reshape(-1), live.reshape(-1)
    d, logits = jax.tree.map(lambda x: x[flat], (decoding, logits))

    def settle(sampler, state, logits, token, hidden, live):
        after = sampler.update(state, logits, token, hidden)
        return jax.tree.map(lambda new, old: jnp.where(live, new, old), after, state)

    known = jnp.where(live, tokens, 0)
    settled = jax.vmap(settle, (axes_prefix(axes), 0, 0, 0, 0, 0))
    state = settled(sampler, d.state, logits, known, d.hidden, live)
    recent, matched, _ = written(d.recent, d.matched, known, live, logits.shape[1], ending)
    positions, moved = jnp.where(live, d.position, -1), live.astype(jnp.int32)
    d = d._replace(
        hidden=None,
        state=state,
        position=d.position + moved,
        n=d.n + moved,
        remaining=d.remaining - moved,
        recent=recent,
        matched=matched,
    )
    return d, (flat, known, positions)


def feed(model: Model, params: Any, cache: Any, turned: tuple[Decoding, tuple]) -> Decoding:
    """Gather the cache by parent, and feed the tokens to the model."""
    decoding, (flat, tokens, positions) = turned
    gather = in_auto(lambda cache, flat: jax.tree.map(lambda x: x[flat], cache), alike)
    output = model.apply(params, tokens[:, None], positions[:, None], gather(cache, flat))
    logits, hidden = last_output(model, params, output, jnp.zeros_like(tokens))
    return decoding._replace(cache=output.cache, logits=logits, hidden=hidden)


def grow(
    model: Model,
    params: Any,
    decoding: Decoding,
    sampler: Any,
    ending: Ending,
    length: int,
    *,
    begin: Callable[..., Any],
    choose: Callable[..., Any],
    finished: Callable[[Any], jax.Array],
) -> tuple[Any, Any]:
    """Run a search for `length` steps, or until it is finished; return its tree and the cache.

    Args:
        decoding, ending: from `root`.
        begin: `(logits, decoding, sampler, pad) -> tree`, of rows that are all alike.
        choose: `(logits, n, decoding, sampler, ending, tree) -> (turned, tree)`, step n: `turned`
            is what `turn` returns.
        finished: `tree -> ` bools, all true once nothing is left to do.
    """

    def step(carry):
        n, d, tree = carry
        logits = next_logits(model, params, d.logits, d.hidden)
        rest = d._replace(cache=None, logits=None)
        turned, tree = choose(logits, n, rest, sampler, ending, tree)
        return n + 1, feed(model, params, d.cache, turned), tree

    def unfinished(carry):
        n, _, tree = carry
        return (n < length) & ~jnp.all(finished(tree))

    logits = next_logits(model, params, decoding.logits, decoding.hidden)
    tree = begin(logits, decoding._replace(cache=None, logits=None), sampler, ending.pad)
    _, decoding, tree = lax.while_loop(unfinished, step, (jnp.int32(0), decoding, tree))
    return tree, decoding.cache


def largest(values: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Return the `count` largest of `[B, n]` in descending order and their places.

    Missing ones are -inf, at places that exist.
    """
    missing = max(count - values.shape[1], 0)
    padded = jnp.pad(values, ((0, 0), (0, missing)), constant_values=-jnp.inf)
    best, places = lax.top_k(padded, count)
    return best, jnp.minimum(places, values.shape[1] - 1)
