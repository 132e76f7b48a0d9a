"""A decoder-only transformer, and its pure functions for decoding."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxsample import Model, ModelOutput, in_auto

from ._attention import Attention, Cache, LayerCache, init_cache, mask_segment
from ._config import TransformerConfig
from ._convolution import Convolution
from ._delta import DeltaLayer
from ._experts import Experts
from ._explicit import of_logits, of_output
from ._layer_inputs import InputGate, InputTable
from ._layers import Linear, Mlp, Norm, softcap
from ._product import product
from ._rotary import angles

Params = dict[str, Any]


class Block(nnx.Module):
    """One layer: attention and MLP, each added to the residual stream."""

    def __init__(self, config: TransformerConfig, layer: int, rngs: nnx.Rngs):
        def norm(wanted: bool) -> Norm | None:
            return Norm(config.dim, config) if wanted else None

        self.parallel, self.scale = config.parallel, config.residual_scale
        self.attention_norm = norm(config.pre_norms)
        convolved, attends = layer in config.convolutions, config.attends(layer)
        self.attention = Attention(config, layer, rngs) if attends else None
        self.convolution = Convolution(config, rngs) if convolved else None
        self.delta = None if attends or convolved else DeltaLayer(config, rngs)
        self.attention_post = norm(config.post_norms)
        self.mlp_norm = norm(config.pre_norms)
        routed = config.routed(layer)
        self.mlp = None if routed else Mlp(config, config.mlp_width(layer), rngs)
        self.experts = Experts(config, rngs) if routed else None
        self.mlp_post = norm(config.post_norms)
        inputs = config.layer_inputs
        self.input = None if inputs is None else InputGate(config, inputs, rngs)
        self.output_scale = nnx.Param(jnp.ones((1,), config.dtype)) if config.layer_scales else None

    def __call__(self, x, positions, mask, window, angles, cache, given):
        y = _normed(self.attention_norm, x)
        if self.attention is not None:
            y, cache = self.attention(y, positions, mask, window, angles, cache)
        elif self.convolution is not None:
            y, cache = self.convolution(y, positions, cache)
        elif self.delta is not None:
            y, cache = self.delta(y, positions, cache)
        middle = x + self.scale * _normed(self.attention_post, y)
        mlp = self.experts if self.mlp is None else self.mlp
        assert mlp is not None
        y = mlp(_normed(self.mlp_norm, x if self.parallel else middle))
        x = middle + self.scale * _normed(self.mlp_post, y)
        if self.input is not None:
            x = x + self.input(x, given)
        if self.output_scale is not None:
            x = x * self.output_scale[...].astype(x.dtype)[None, None]
        return x, cache


def _normed(norm: Norm | None, x: jax.Array) -> jax.Array:
    return x if norm is None else norm(x)


class Transformer(nnx.Module):
    """A decoder-only transformer.

    Args:
        config: its configuration.
        rngs: the source of its initial parameters.

    >>> config = TransformerConfig(vocab_size=9, dim=4, layers=1, heads=2, kv_heads=1, head_dim=2,
    ...                            mlp_dim=8, max_length=16)
    >>> transformer = Transformer(config, nnx.Rngs(0))
    >>> jax.eval_shape(lambda tokens: transformer(tokens)[0], jnp.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(self, config: TransformerConfig, rngs: nnx.Rngs):
        self.config = config
        init = nnx.initializers.normal(0.02)
        self.embed = nnx.Param(init(rngs.params(), (config.vocab_size, config.dim), config.dtype))
        self.places = (
            nnx.Param(init(rngs.params(), (config.max_length, config.dim), config.dtype))
            if config.positions == "learned"
            else None
        )
        inputs = config.layer_inputs
        self.inputs = None if inputs is None else InputTable(config, inputs, rngs)
        self.layers = nnx.List([Block(config, i, rngs) for i in range(config.layers)])
        self.norm = Norm(config.dim, config)
        self.head = (
            None
            if config.tied
            else Linear(config.dim, config.vocab_size, bias=False, dtype=config.dtype, rngs=rngs)
        )

    def __call__(
        self,
        tokens: jax.Array,
        positions: jax.Array | None = None,
        cache: Cache | None = None,
        segments: jax.Array | None = None,
    ) -> tuple[jax.Array, Cache | None]:
        """Run tokens through all layers.

        Args:
            tokens: `[B, T]`.
            positions: `[B, T]`, -1 at padding; None means 0, 1, .. T - 1.
            cache: what the layers keep of earlier tokens, from the model's `init_cache`; None to
                attend among these tokens only, as in training.
            segments: `[B, T]`, only without a cache: a token attends to its own segment.

        Returns:
            The hidden states after the final norm, `[B, T, D]`, and the cache.

        Raises:
            ValueError: `segments` together with a cache, or with delta layers.
        """
        if cache is not None and segments is not None:
            raise ValueError("`segments` are for training: they cannot be combined with a cache")
        config = self.config
        if segments is not None and config.delta is not None:
            raise ValueError("`segments` cannot be told apart by the memory of delta layers")
        if positions is None:
            positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
        x = jnp.take(self.embed[...], tokens, axis=0, mode="clip").astype(config.dtype)
        x = x * jnp.asarray(config.embed_scale, x.dtype)
        if self.places is not None:
            x = x + jnp.take(self.places[...], positions, axis=0, mode="clip").astype(x.dtype)

        lengths = (layer.keys.shape[2] for layer in cache or () if isinstance(layer, LayerCache))
        slots = next(lengths, tokens.shape[1])
        windows = [config.window(layer) for layer in range(config.layers)]
        ropes = [config.rope(layer) for layer in range(config.layers)]
        masks = {
            window: mask_segment(positions, segments, window) if cache is None else None
            for window in set(windows)
        }
        turns = {
            rope: None if rope is None else angles(*rope, positions, slots) for rope in set(ropes)
        }
        given = None if self.inputs is None else self.inputs(tokens, x)
        kept = []
        for i, block in enumerate(self.layers):
            window, source = windows[i], config.source(i)
            before = kept[source] if source < i else None if cache is None else cache[i]
            one = None if given is None else given[i]
            x, after = block(x, positions, masks[window], window, turns[ropes[i]], before, one)
            kept.append(after)
        if cache is None:
            return self.norm(x), None
        return self.norm(x), tuple(c if config.source(i) == i else None for i, c in enumerate(kept))

    def unembed(self, hidden: jax.Array) -> jax.Array:
        """Compute float32 logits `[.., V]` from hidden states `[.., D]`."""
        if self.head is None:
            logits = product(hidden, self.embed[...], 1, jnp.float32)
        else:
            logits = product(hidden, self.head.kernel[...], 0, jnp.float32)
        return softcap(self.config.logit_scale * logits, self.config.logit_softcap)


@functools.cache
def _graph(config: TransformerConfig):
    return nnx.split(nnx.eval_shape(lambda: Transformer(config, nnx.Rngs(0))))


def bind(config: TransformerConfig, params: Params) -> Transformer:
    """Make the module of `config` with these `params`; inside `jit` it costs nothing.

    >>> config = TransformerConfig(vocab_size=9, dim=4, layers=1, heads=2, kv_heads=1, head_dim=2,
    ...                            mlp_dim=8, max_length=16)
    >>> bind(config, init(config, jax.random.key(0))).unembed(jnp.zeros(4)).shape
    (9,)
    """
    return nnx.merge(_graph(config)[0], nnx.restore_int_paths(params))


def shapes(config: TransformerConfig) -> Params:
    """Return the structure of the parameters: a nested dict of `jax.ShapeDtypeStruct`.

    >>> config = TransformerConfig(vocab_size=9, dim=4, layers=1, heads=2, kv_heads=1, head_dim=2,
    ...                            mlp_dim=8, max_length=16)
    >>> shapes(config)["embed"]
    ShapeDtypeStruct(shape=(9, 4), dtype=float32)
    """
    return _named(nnx.to_pure_dict(_graph(config)[1]))


def init(config: TransformerConfig, key: jax.Array) -> Params:
    """Draw initial parameters: a nested dict of arrays, with the structure of `shapes(config)`.

    >>> config = TransformerConfig(vocab_size=9, dim=4, layers=1, heads=2, kv_heads=1, head_dim=2,
    ...                            mlp_dim=8, max_length=16)
    >>> jax.tree.map(jnp.shape, init(config, jax.random.key(0))) == jax.tree.map(
    ...     jnp.shape, shapes(config))
    True
    """
    # Without jit, the random draw of each shape compiles once for all layers.
    return _named(nnx.to_pure_dict(nnx.state(Transformer(config, nnx.Rngs(params=key)))))


def _named(tree):
    """Return nested dicts whose keys are strings: Flax numbers layers, files name them."""
    return {str(k): _named(v) for k, v in tree.items()} if isinstance(tree, dict) else tree


@functools.cache
def as_model(config: TransformerConfig) -> Model:
    """Return the model of `config` as pure functions; equal configs give the same object.

    `apply` returns hidden states without logits; `unembed` computes those. `init_cache` raises
    ValueError if `max_length` exceeds the number of learned positions.

    >>> config = TransformerConfig(vocab_size=9, dim=4, layers=1, heads=2, kv_heads=1, head_dim=2,
    ...                            mlp_dim=8, max_length=16)
    >>> as_model(config) is as_model(config)
    True
    """

    def empty(batch: int, max_length: int):
        if config.positions == "learned" and max_length > config.max_length:
            raise ValueError(
                f"`max_length` must be at most {config.max_length}, the number of positions that "
                f"this model learned, got {max_length}"
            )
        return init_cache(config, batch, max_length)

    def apply(params: Params, tokens: jax.Array, positions: jax.Array, cache) -> ModelOutput:
        hidden, cache = bind(config, params)(tokens, positions, cache)
        return ModelOutput(None, hidden, cache)

    def unembed(params: Params, hidden: jax.Array) -> jax.Array:
        return bind(config, params).unembed(hidden)

    rewinds = all(map(config.attends, range(config.layers)))
    return Model(empty, in_auto(apply, of_output), in_auto(unembed, of_logits), rewinds=rewinds)
