"""The parameters of a model, read from its stored tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from ._config import TransformerConfig
from ._errors import CheckpointError
from ._families import Family
from ._parts import Part
from ._sources import TensorSource
from ._tensor_names import key_of, stored
from ._transformer import Params, shapes

Shardings = Callable[[str, tuple[int, ...]], Any]
Progress = Callable[[int, int], object]


def read_params(
    tensors: TensorSource,
    family: Family,
    config: TransformerConfig,
    shardings: Shardings | None = None,
    progress: Progress | None = None,
) -> Params:
    """Read the parameters of `config` one at a time, each placed on its device before the next.

    Raises:
        CheckpointError: a tensor is missing, left over, or of another shape than `config` implies.
    """
    for key, shape in _sizes(config):
        names, whole = _find(tensors, family, config, key, shape)
        tensors.check(names[0], whole)
    expected, done = shapes(config), 0
    total = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(expected))

    def read(path, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        nonlocal done
        key = key_of(path)
        value = _read(tensors, family, config, key, leaf)
        place = None if shardings is None else shardings(key, leaf.shape)
        # Wait: the host's copy can then be dropped before the next tensor is read.
        placed = jax.block_until_ready(_placed(value, place))
        done += value.nbytes
        if progress is not None:
            progress(done, total)
        return placed

    params = jax.tree_util.tree_map_with_path(read, expected)
    for name in _idle(family, config):
        tensors.skip(name)
    if left := tensors.unread:
        raise CheckpointError(
            f"{tensors.place}: tensor `{left[0]}` (of {len(left)} like it) has no place in a "
            f"model of this config; check that the two belong together"
        )
    return params


def has_own_head(tensors: TensorSource, family: Family, config: TransformerConfig) -> bool:
    """Tell whether the tensors hold an output head other than the embedding."""
    shape = (config.vocab_size, config.dim)
    (embed,), _ = _find(tensors, family, config, "embed", shape)
    (head,), _ = _find(tensors, family, config, "head.kernel", shape[::-1])
    if head not in tensors:
        return False
    first, second = (tensors.read(name, shape, config.dtype) for name in (embed, head))
    return not np.array_equal(first, second)


def _read(
    tensors: TensorSource,
    family: Family,
    config: TransformerConfig,
    key: str,
    leaf: jax.ShapeDtypeStruct,
) -> np.ndarray:
    names, shape = _find(tensors, family, config, key, leaf.shape)
    entry = stored(family.names, key)
    columns = entry.columns(config) if isinstance(entry, Part) else slice(None)
    value = np.empty(leaf.shape, leaf.dtype)
    parts: Any = value if len(shape) < leaf.ndim else [value]
    for part, name in zip(parts, names, strict=True):
        found = tensors.read(name, shape, leaf.dtype)
        found = found.swapaxes(-1, -2) if _flipped(family, key, name) else found
        part[...] = found[..., columns]
    return value


def _placed(value: np.ndarray, place: Any) -> jax.Array:
    if isinstance(place, jax.sharding.Sharding):
        # Of a mesh over several hosts, each sends the parts of its own devices.
        return jax.make_array_from_callback(value.shape, place, lambda part: value[part])
    return jax.device_put(value, place)


def _sizes(config: TransformerConfig):
    """Yield parameters whose shapes together depend on every size of a config.

    Their tensors are checked before the model is built, which takes minutes for absurd sizes.
    """
    block = "layers.0"
    yield "embed", (config.vocab_size, config.dim)
    if config.positions == "learned":
        yield "places", (config.max_length, config.dim)
    if config.layer_inputs is not None:
        inputs = config.layer_inputs
        yield "inputs.table", (inputs.vocab_size, config.layers * inputs.dim)
    attends = [layer for layer in range(config.layers) if config.attends(layer)]
    for layer in {config.key_heads(i): i for i in reversed(attends)}.values():
        attention = f"layers.{layer}.attention"
        kv_heads, size = config.key_heads(layer)
        yield f"{attention}.query.kernel", (config.dim, config.heads * size)
        yield f"{attention}.key.kernel", (config.dim, kv_heads * size)
    if config.routing and config.routed(0):
        routing = config.routing
        yield f"{block}.experts.up.kernel", (routing.experts, config.dim, routing.dim)
    else:
        dense = (i for i in reversed(range(config.layers)) if not config.routed(i))
        for width, layer in {config.mlp_width(i): i for i in dense}.items():
            yield f"layers.{layer}.mlp.up.kernel", (config.dim, width)


def _idle(family: Family, config: TransformerConfig) -> Iterator[str]:
    """Yield the tensors of layers that read the keys of others, which some folders hold too."""
    for layer in range(config.layers):
        if config.source(layer) != layer:
            for part in ("key.kernel", "value.kernel", "key_norm.scale"):
                yield str(stored(family.names, f"layers.{layer}.attention.{part}"))


def _find(
    tensors: TensorSource,
    family: Family,
    config: TransformerConfig,
    key: str,
    shape: tuple[int, ...],
) -> tuple[list[str], tuple[int, ...]]:
    """Return the names of the tensors that hold a parameter, and the shape of each of them."""
    entry = stored(family.names, key)
    if isinstance(entry, Part):
        name, shape = entry.name, entry.whole(shape, config)
    else:
        name = entry
    if _flipped(family, key, name):
        shape = (*shape[:-2], shape[-1], shape[-2])
    names = [name]
    if "{e}" in name:
        names, shape = _of_experts(tensors, name, shape[0]), shape[1:]
    short = [name.removeprefix(family.prefix) for name in names]
    return (short if names[0] not in tensors and short[0] in tensors else names), shape


def _of_experts(tensors: TensorSource, name: str, experts: int) -> list[str]:
    last = name.replace("{e}", str(experts - 1))
    # The list is long for an absurd number of experts, of which the last is then missing.
    return [name.replace("{e}", str(e)) for e in range(experts)] if last in tensors else [last]


def _flipped(family: Family, key: str, name: str) -> bool:
    linear = family.transposed and key.endswith(".kernel") and name.endswith(".weight")
    return linear or key == "head.kernel"
