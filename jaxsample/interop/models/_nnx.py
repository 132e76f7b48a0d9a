"""A model from a module of flax nnx."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.decode._model import Model
from jaxsample.interop.models._call import tokens_alone
from jaxsample.interop.models._one_row import repeat
from jaxsample.interop.models._one_token import one_token
from jaxsample.interop.models._whole_text import without_cache


def from_nnx(
    module: Any,
    call: Callable[[Any, jax.Array, jax.Array], jax.Array] = tokens_alone,
    *,
    decode: bool = False,
    init_cache: Callable[[Any, int], None] | None = None,
    unembed: Callable[[Any, jax.Array], jax.Array] | None = None,
) -> tuple[Model, Any]:
    """Make a `Model` and its params from a module of flax nnx, which is not changed.

    With `decode` a module that counts positions by itself, such as by `jnp.arange(T)`, is wrong
    and no error is raised: T is 1, so every token gets position 0. `check_model` can miss it too,
    because a causal mask alone tells several layers the order. Let the module take positions, and
    pass them on by `call`. A module without positions, or one that counts them in its cache, needs
    no `call`.

    Args:
        module: an nnx module in the mode of evaluation, see `nnx.Module.eval`.
        call: `(module, tokens [B, T], positions [B, T]) -> logits [B, T, V]`; `module(tokens)` by
            default.
        decode: whether the module keeps variables of the type `nnx.Cache`, as nnx's attention does
            if it decodes. Each row then has a cache of its own, and tokens are read one by one.
            Otherwise every step reads the whole text, see `without_cache`.
        init_cache: `(module, max_length) -> None`, which gives the module the empty cache of a
            batch of one row. By default every `nnx.MultiHeadAttention` in it gets one.
        unembed: `(module, hidden [.., D]) -> logits [.., V]`; then `call` returns hidden states.

    Returns:
        The model, and the module's state without its cache.

    Raises:
        ValueError: if `decode` and the module disagree on whether there is a cache.

    >>> from flax import nnx
    >>> module = nnx.Embed(4, 4, rngs=nnx.Rngs(0))  # a bigram model
    >>> module.embedding[...] = table
    >>> model, params = from_nnx(module)
    >>> generate(jax.random.key(0), model, params, jnp.array([[0]]), TopK(1),
    ...          max_new_tokens=3).tokens
    Array([[1, 2, 3]], dtype=int32)
    """
    from flax import nnx

    if not decode:
        if jax.tree.leaves(nnx.state(module, nnx.Cache)):
            raise ValueError(
                "the module holds variables of the type nnx.Cache: pass decode=True, or a module "
                "without them"
            )
        graph, params = nnx.split(module)
        head = None if unembed is None else _Method(graph, unembed)
        return without_cache(_Forward(graph, call), head), params

    setup = init_cache or attention_caches
    graph, state = nnx.split(module)
    empty = _Empty(graph, *_hashable(jax.eval_shape(lambda: state)), setup)
    decoding = empty.module(1)
    graph, cache, _ = nnx.split(decoding, nnx.Cache, ...)
    if not jax.tree.leaves(cache):
        raise ValueError(
            "decode=True needs a module that keeps a cache: none of its parts is an "
            "nnx.MultiHeadAttention, so pass init_cache, which makes its nnx.Cache variables"
        )
    params = nnx.split(module, nnx.Cache, ...)[2]
    head = None if unembed is None else _CachedMethod(graph, empty, unembed)
    return one_token(empty, _Step(graph, call), head), params


def attention_caches(module: Any, max_length: int) -> None:
    """Give every attention layer of flax in a module the empty cache of one row."""
    from flax import nnx

    for _, part in nnx.iter_modules(module):
        if isinstance(part, nnx.MultiHeadAttention):
            part.decode = True
            part.init_cache((1, max_length, part.in_features), part.dtype or part.param_dtype)


def _hashable(tree):
    leaves, structure = jax.tree.flatten(tree)
    return tuple(leaves), structure


@dataclasses.dataclass(frozen=True)
class _Method:
    graph: Any
    method: Callable

    def __call__(self, params, *args):
        from flax import nnx

        return self.method(nnx.merge(self.graph, params), *args)


@dataclasses.dataclass(frozen=True)
class _Forward:
    graph: Any
    call: Callable

    def __call__(self, params, tokens):
        positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
        return _Method(self.graph, self.call)(params, tokens, positions)


@dataclasses.dataclass(frozen=True)
class _Empty:
    """Makes empty caches. The module's state is kept as shapes, so that it is equal and hashes."""

    graph: Any
    leaves: tuple[Any, ...]
    structure: Any
    setup: Callable

    def module(self, max_length):
        """Return the module with the empty cache of one row, and shapes in place of its arrays."""
        from flax import nnx

        module = nnx.merge(self.graph, jax.tree.unflatten(self.structure, self.leaves))
        self.setup(module, max_length)
        return module

    def __call__(self, batch, max_length):
        from flax import nnx

        return repeat(nnx.to_pure_dict(nnx.state(self.module(max_length), nnx.Cache)), batch)


@dataclasses.dataclass(frozen=True)
class _CachedMethod:
    graph: Any
    empty: _Empty
    method: Callable

    def __call__(self, params, hidden):
        from flax import nnx

        cache = nnx.state(self.empty.module(1), nnx.Cache)
        return self.method(nnx.merge(self.graph, cache, params), hidden)


@dataclasses.dataclass(frozen=True)
class _Step:
    graph: Any
    call: Callable

    def __call__(self, params, tokens, positions, cache):
        return jax.vmap(self.row, (None, 0, 0, 0))(params, tokens, positions, cache)

    def row(self, params, token, position, cache):
        from flax import nnx

        module = nnx.merge(self.graph, cache, params)
        out = self.call(module, token[None, None], position[None, None])
        return out[0, 0], nnx.to_pure_dict(nnx.state(module, nnx.Cache))
