"""The ranges of a configuration's fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._layer_kinds import SCALINGS

if TYPE_CHECKING:
    from ._config import TransformerConfig

_CHOICES = {
    "norm": ("rms", "layer"),
    "positions": ("rotary", "learned"),
    "activation": ("silu", "gelu", "gelu_tanh"),
    "dtype": ("float32", "bfloat16", "float16"),
}
_SIZES = ("vocab_size", "dim", "layers", "heads", "kv_heads", "head_dim", "mlp_dim", "max_length")


def check(config: TransformerConfig) -> None:
    """Raise ValueError for a field that is out of range."""
    for name, allowed in _CHOICES.items():
        if getattr(config, name) not in allowed:
            raise ValueError(f"`{name}` must be one of {allowed}, got {getattr(config, name)!r}")
    for name in _SIZES:
        value = getattr(config, name)
        if not hasattr(value, "__index__") or value < 1:
            raise ValueError(f"`{name}` must be at least 1 and whole, got {value!r}")
    if config.positions == "rotary":
        _check_rotary(config)
    if config.windows and len(config.windows) != config.layers:
        raise ValueError(f"`windows` must have {config.layers} entries, got {len(config.windows)}")
    if any(window is not None and window < 1 for window in config.windows):
        raise ValueError(f"a window must be None or at least 1, got {config.windows}")
    _check_layers(config)


def _check_layers(config: TransformerConfig) -> None:
    heads = {"kv_heads": config.kv_heads}
    if config.global_heads is not None:
        heads["global_heads.kv_heads"] = config.global_heads.kv_heads
    for name, count in heads.items():
        if config.heads % count:
            raise ValueError(f"`{name}` must divide `heads` ({config.heads}), got {count}")
    if config.routing and not 1 <= config.routing.chosen <= config.routing.experts:
        raise ValueError(
            f"`routing.chosen` must be from 1 to `routing.experts` ({config.routing.experts}), "
            f"got {config.routing.chosen}"
        )
    if config.shared_keys is not None:
        last = config.shared_keys.layers
        kinds = [config.window(layer) is None for layer in range(config.layers)]
        if not 0 < last < config.layers or not set(kinds[-last:]) <= set(kinds[:-last]):
            raise ValueError(
                f"`shared_keys.layers` must leave a layer of each kind before these, got {last}"
            )
    if config.convolution_width < 2:
        raise ValueError(f"`convolution_width` must be at least 2, got {config.convolution_width}")
    if config.delta and config.delta.heads % config.delta.key_heads:
        raise ValueError(
            f"`delta.key_heads` must divide `delta.heads` ({config.delta.heads}), got "
            f"{config.delta.key_heads}"
        )


def _check_rotary(config: TransformerConfig) -> None:
    size = config.head_dim if config.rotary_dim is None else config.rotary_dim
    name = "head_dim" if config.rotary_dim is None else "rotary_dim"
    sizes = {name: size}
    if config.global_heads is not None:
        sizes["global_heads.head_dim"] = config.global_heads.head_dim
    for key, value in sizes.items():
        if value % 2:
            raise ValueError(f"`{key}` must be even for rotary positions, got {value}")
    if not 2 <= size <= config.head_dim:
        raise ValueError(
            f"`rotary_dim` must be from 2 to `head_dim` ({config.head_dim}), got {size}"
        )
    scaling = config.rope_scaling
    if scaling is None:
        return
    if scaling.kind not in SCALINGS:
        raise ValueError(f"`rope_scaling.kind` must be one of {SCALINGS}, got {scaling.kind!r}")
    if scaling.low >= scaling.high:
        raise ValueError(
            f"`rope_scaling.low` must be below `rope_scaling.high` ({scaling.high}), got "
            f"{scaling.low}"
        )
    for field in ("short", "long") if scaling.kind == "longrope" else ():
        count = len(getattr(scaling, field))
        if count != size // 2:
            raise ValueError(f"`rope_scaling.{field}` must have {size // 2} entries, got {count}")
    if scaling.kind == "dynamic" and size == 2:
        raise ValueError("dynamic `rope_scaling` needs at least 4 rotary channels, got 2")
