"""The parameters of a model, read from the tensors of its folder."""

from __future__ import annotations

import jax
import numpy as np

from ._config import TransformerConfig
from ._errors import CheckpointError
from ._families import Family
from ._tensor_names import Third, key_of, stored
from ._tensors import Tensors
from ._transformer import Params, shapes

# Older versions of transformers stored these buffers with the parameters. The config implies them.
_BUFFERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")


def read_params(tensors: Tensors, family: Family, config: TransformerConfig) -> Params:
    """Read the parameters of `config`.

    Raises:
        CheckpointError: a tensor is missing, left over, or of another shape than `config` implies.
    """
    for key, shape in _sizes(config):
        tensors.check(*_find(tensors, family, key, shape))
    used = set()

    def read(path, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        key = key_of(path)
        name, shape = _find(tensors, family, key, leaf.shape)
        used.add(name)
        value = tensors.read(name, shape)
        entry = stored(family.names, key)
        if isinstance(entry, Third):
            value = np.split(value, 3, axis=-1)[entry.index]
        return jax.device_put((value.T if _flipped(family, key) else value).astype(leaf.dtype))

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
    yield f"{block}.attention.query.kernel", (config.dim, config.heads * config.head_dim)
    yield f"{block}.attention.key.kernel", (config.dim, config.kv_heads * config.head_dim)
    yield f"{block}.mlp.up.kernel", (config.dim, config.mlp_dim)


def _find(tensors: Tensors, family: Family, key: str, shape: tuple[int, ...]):
    """Return the name and the shape of the tensor that holds a parameter."""
    entry = stored(family.names, key)
    name = entry.name if isinstance(entry, Third) else entry
    if name not in tensors and name.removeprefix(family.prefix) in tensors:
        name = name.removeprefix(family.prefix)
    shape = shape[::-1] if _flipped(family, key) else shape
    return name, (*shape[:-1], 3 * shape[-1]) if isinstance(entry, Third) else shape


def _flipped(family: Family, key: str) -> bool:
    return family.transposed and key.endswith(".kernel") or key == "head.kernel"
