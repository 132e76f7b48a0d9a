"""Where the parameters and the cache of a transformer lie on a mesh of devices.

Attention is split by heads and the MLP by its inner channels, so that each layer adds up once after
attention and once after the MLP; the vocabulary is split too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.sharding import AbstractMesh, Mesh, NamedSharding, PartitionSpec

from ._attention import init_cache
from ._config import TransformerConfig
from ._tensor_names import key_of
from ._transformer import Params, shapes

Axis = str | tuple[str, ...] | None


class Shardings(NamedTuple):
    """The `NamedSharding` of every array of a model.

    Attributes:
        params: a nested dict, as `shapes(config)` has it.
        cache: as the model's `init_cache` returns it, for a batch that the data axis divides.

    >>> mesh = jax.make_mesh((1, 1), ("data", "model"))
    >>> config = TransformerConfig(vocab_size=9, dim=4, layers=1, heads=2, kv_heads=1, head_dim=2,
    ...                            mlp_dim=8, max_length=16)
    >>> tuple(shardings(config, mesh).cache[0].keys.spec)
    ('data', 'model')
    """

    params: Params
    cache: Any


def shardings(
    config: TransformerConfig,
    mesh: Mesh | AbstractMesh,
    *,
    data: Axis = "data",
    model: Axis = "model",
) -> Shardings:
    """Return where each parameter and each part of the cache lies on a mesh.

    The outputs of the projections to queries, keys, values and gates are split over the model
    axis, and so are the inner channels of MLPs and of every expert, and the vocabulary. The rows of
    the cache are split over the data axis, its heads over the model axis. The inputs of short
    convolutions and of delta layers are split by channels. All else is on every device: vectors,
    routers, and arrays whose heads, channels or tokens the devices of the axis do not divide.

    Args:
        config: of the model.
        mesh: the devices, with Auto or Explicit axes.
        data: the axis of the mesh that splits the batch, several, or None.
        model: the axis of the mesh that splits the parameters, several, or None.

    Raises:
        ValueError: the mesh has no such axis.

    >>> mesh = jax.make_mesh((1, 1), ("data", "model"))
    >>> config = TransformerConfig(vocab_size=9, dim=4, layers=1, heads=2, kv_heads=1, head_dim=2,
    ...                            mlp_dim=8, max_length=16)
    >>> layer = shardings(config, mesh).params["layers"]["0"]
    >>> tuple(layer["mlp"]["up"]["kernel"].spec), tuple(layer["mlp"]["down"]["kernel"].spec)
    ((None, 'model'), ('model',))
    """
    for name, axis in (("data", data), ("model", model)):
        absent = [one for one in _names(axis) if one not in mesh.axis_names]
        if absent:
            raise ValueError(
                f"the mesh has the axes {mesh.axis_names}, not {absent[0]!r}; give `{name}` one of "
                f"them, or None"
            )
    parts = math.prod(mesh.shape[name] for name in _names(model))

    def placed(*axes: Axis) -> NamedSharding:
        return NamedSharding(mesh, PartitionSpec(*axes))

    def weight(path, leaf: jax.ShapeDtypeStruct) -> NamedSharding:
        split = _split(config, key_of(path), leaf.ndim)
        if model is None or split is None or split.units % parts:
            return placed()
        return placed(*[None] * split.axis, model)

    def kept(leaf: jax.ShapeDtypeStruct) -> NamedSharding:
        # Keys, values and the memory of delta layers are `[B, heads, .., ..]`.
        split = leaf.ndim == 4 and leaf.shape[1] % parts == 0
        return placed(data, model) if split else placed(data)

    cache = jax.eval_shape(lambda: init_cache(config, 1, 1))
    weights = jax.tree_util.tree_map_with_path(weight, shapes(config))
    return Shardings(weights, jax.tree.map(kept, cache))


def by_key(
    config: TransformerConfig, mesh: Mesh, *, data: Axis, model: Axis
) -> Callable[[str, tuple[int, ...]], NamedSharding]:
    """Return the shardings of the parameters as a function of their key and shape."""
    params = shardings(config, mesh, data=data, model=model).params
    found = {key_of(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params)}
    return lambda key, shape: found[key]


class _Split(NamedTuple):
    """The dimension of a parameter that is split, and the number of units that stay whole."""

    axis: int
    units: int


def _split(config: TransformerConfig, key: str, ndim: int) -> _Split | None:
    """Return how a parameter is split, None if each device has all of it."""
    *owner, kind = key.split(".")
    in_layer = owner[:1] == ["layers"]
    layer, name = (int(owner[1]), owner[2:]) if in_layer else (0, owner)
    name = ".".join(name)
    if key == "embed":
        return _Split(0, config.vocab_size)
    if key == "inputs.table" and config.layer_inputs is not None:
        return _Split(0, config.layer_inputs.vocab_size)
    if name in (outputs := _outputs(config, layer)) and kind in ("kernel", "bias"):
        return _Split(ndim - 1, outputs[name])
    if name in (inputs := _inputs(config, layer)) and kind == "kernel":
        return _Split(ndim - 2, inputs[name])
    return None


def _outputs(config: TransformerConfig, layer: int) -> dict[str, int]:
    """Return what is split by its outputs, and the number of its heads or channels."""
    kv_heads, _ = config.key_heads(layer)
    inner = config.routing.dim if config.routing else 1
    heads = config.delta.heads if config.delta else 1
    return {
        "head": config.vocab_size,
        "attention.query": config.heads,
        "attention.gate": config.heads,
        "attention.key": kv_heads,
        "attention.value": kv_heads,
        "mlp.up": config.mlp_width(layer),
        "mlp.gate": config.mlp_width(layer),
        # The loop over blocks of tokens reads a part of every expert, and no device waits.
        "experts.up": inner,
        "experts.gate": inner,
        "delta.gate": heads,
        "delta.strength": heads,
        "delta.step": heads,
        "input.gate": config.layer_inputs.dim if config.layer_inputs else 1,
    }


def _inputs(config: TransformerConfig, layer: int) -> dict[str, int]:
    """Return what is split by its inputs, and the number of its heads or channels."""
    return {
        "attention.out": config.heads,
        "mlp.down": config.mlp_width(layer),
        "experts.down": config.routing.dim if config.routing else 1,
        "delta.out": config.delta.heads if config.delta else 1,
        "input.out": config.layer_inputs.dim if config.layer_inputs else 1,
        # Their outputs are several parts side by side, which a split by outputs would cut through.
        "delta.inputs": config.dim,
        "convolution.inputs": config.dim,
        "convolution.out": config.dim,
        "inputs.projection": config.dim,
    }


def _names(axis: Axis) -> tuple[str, ...]:
    return () if axis is None else (axis,) if isinstance(axis, str) else axis
