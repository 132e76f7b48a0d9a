"""The parameters of a model, read from the tensors of its folder."""

from __future__ import annotations

import jax
import numpy as np

from ._config import TransformerConfig
from ._errors import CheckpointError
from ._families import Family
from ._parts import Part
from ._tensor_names import key_of, stored
from ._tensors import Tensors
from ._transformer import Params, shapes

# Older versions of transformers stored these buffers with the parameters. The config implies them.
_BUFFERS = (
    ".attn.bias",
    ".attn.masked_bias",
    ".attention.bias",
    ".attention.masked_bias",
    ".rotary_emb.inv_freq",
)


def read_params(tensors: Tensors, family: Family, config: TransformerConfig) -> Params:
    """Read the parameters of `config`.

    Raises:
        CheckpointError: a tensor is missing, left over, or of another shape than `config` implies.
    """
    for key, shape in _sizes(config):
        names, whole = _find(tensors, family, config, key, shape)
        tensors.check(names[0], whole)
    used = set()

    def read(path, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        key = key_of(path)
        names, shape = _find(tensors, family, config, key, leaf.shape)
        used.update(names)
        values = [tensors.read(name, shape) for name in names]
        value = np.stack(values) if len(shape) < leaf.ndim else values[0]
        value = value.swapaxes(-1, -2) if _flipped(family, key, names[0]) else value
        entry = stored(family.names, key)
        if isinstance(entry, Part):
            value = value[..., entry.columns(config)]
        return jax.device_put(value.astype(leaf.dtype))

    params = jax.tree_util.tree_map_with_path(read, shapes(config))
    left = [name for name in tensors.names if name not in used and not name.endswith(_BUFFERS)]
    if config.tied:
        left = [name for name in left if name != "lm_head.weight"]
    if left:
        raise CheckpointError(
            f"{tensors.folder}: tensor `{left[0]}` (of {len(left)} like it) has no place in a "
            f"model of this config.json; check that the two belong together"
        )
    return params


def _sizes(config: TransformerConfig):
    """Yield parameters whose shapes together depend on every size of a config.

    Their tensors are checked before the model is built, which takes minutes for absurd sizes.
    """
    block = "layers.0"
    yield "embed", (config.vocab_size, config.dim)
    if config.positions == "learned":
        yield "places", (config.max_length, config.dim)
    attends = [layer for layer in range(config.layers) if layer not in config.convolutions][:1]
    for layer in attends:
        attention = f"layers.{layer}.attention"
        yield f"{attention}.query.kernel", (config.dim, config.heads * config.head_dim)
        yield f"{attention}.key.kernel", (config.dim, config.kv_heads * config.head_dim)
    if config.routing and config.routed(0):
        routing = config.routing
        yield f"{block}.experts.up.kernel", (routing.experts, config.dim, routing.dim)
    else:
        yield f"{block}.mlp.up.kernel", (config.dim, config.mlp_dim)


def _find(
    tensors: Tensors,
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


def _of_experts(tensors: Tensors, name: str, experts: int) -> list[str]:
    last = name.replace("{e}", str(experts - 1))
    # The list is long for an absurd number of experts, of which the last is then missing.
    return [name.replace("{e}", str(e)) for e in range(experts)] if last in tensors else [last]


def _flipped(family: Family, key: str, name: str) -> bool:
    linear = family.transposed and key.endswith(".kernel") and name.endswith(".weight")
    return linear or key == "head.kernel"
