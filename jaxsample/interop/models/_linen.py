"""A model from a module of flax linen."""

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


def from_linen(
    module: Any,
    variables: Any,
    call: Callable[[Any, jax.Array, jax.Array], jax.Array] = tokens_alone,
    *,
    decode: bool = False,
    unembed: Callable[[Any, jax.Array], jax.Array] | None = None,
) -> tuple[Model, Any]:
    """Make a `Model` and its params from a module of flax linen.

    With `decode` a module that counts positions by itself, such as by `jnp.arange(T)`, is wrong
    and no error is raised: T is 1, so every token gets position 0. `check_model` can miss it too,
    because a causal mask alone tells several layers the order. Let the module take positions, and
    pass them on by `call`. A module without positions, or one that counts them in its cache, needs
    no `call`.

    Args:
        module: a linen module.
        variables: its variables, such as `{"params": ..}`. Without the collection "cache" they are
            the params.
        call: `(module, tokens [B, T], positions [B, T]) -> logits [B, T, V]`, where `module` is
            bound to its variables; `module(tokens)` by default.
        decode: whether the module keeps a "cache", as linen's attention does if it is made with
            `decode=True`. Each row then has a cache of its own, and tokens are read one by one.
            Otherwise every step reads the whole text, see `without_cache`.
        unembed: `(module, hidden [.., D]) -> logits [.., V]`; then `call` returns hidden states.

    Raises:
        ValueError: if `variables` and `decode` disagree on whether there is a cache.

    >>> from flax import linen
    >>> module = linen.Embed(4, 4)  # a bigram model
    >>> model, params = from_linen(module, {"params": {"embedding": table}})
    >>> generate(jax.random.key(0), model, params, jnp.array([[0]]), TopK(1),
    ...          max_new_tokens=3).tokens
    Array([[1, 2, 3]], dtype=int32)
    """
    params = {name: kept for name, kept in variables.items() if name != "cache"}
    head = None if unembed is None else _Method(module, unembed)
    if decode:
        cache = _FirstCache(module, call)
        if not jax.tree.leaves(jax.eval_shape(lambda: cache(1, 2))):
            raise ValueError(
                "decode=True needs a module that makes a cache: build it with its own decode=True"
            )
        return one_token(cache, _Step(module, call), head), params
    if "cache" in variables:
        raise ValueError('variables have a "cache": pass decode=True, or a module without one')
    return without_cache(_Forward(module, call), head), params


@dataclasses.dataclass(frozen=True)
class _Method:
    module: Any
    method: Callable

    def __call__(self, params, *args):
        return self.module.apply(params, *args, method=self.method)


@dataclasses.dataclass(frozen=True)
class _Forward:
    module: Any
    call: Callable

    def __call__(self, params, tokens):
        positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
        return self.module.apply(params, tokens, positions, method=self.call)


@dataclasses.dataclass(frozen=True)
class _FirstCache:
    module: Any
    call: Callable

    def __call__(self, batch, max_length):
        text = jnp.zeros((1, max_length), jnp.int32)
        positions = jnp.arange(max_length)[None]
        made = self.module.init(jax.random.key(0), text, positions, method=self.call)
        return repeat(made.get("cache", {}), batch)


@dataclasses.dataclass(frozen=True)
class _Step:
    module: Any
    call: Callable

    def __call__(self, params, tokens, positions, cache):
        return jax.vmap(self.row, (None, 0, 0, 0))(params, tokens, positions, cache)

    def row(self, params, token, position, cache):
        given = token[None, None], position[None, None]
        variables = {**params, "cache": cache}
        out, changed = self.module.apply(variables, *given, method=self.call, mutable=["cache"])
        return out[0, 0], changed["cache"]
