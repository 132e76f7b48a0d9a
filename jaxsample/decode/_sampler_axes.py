"""Samplers whose leaves carry one value for each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxsample.transforms.contract._chain import Chain
from jaxsample.transforms.contract._transform import Transform


def check_axes(sampler: Transform, axes: Any, batch: int) -> None:
    """Check that the sampler is a `Transform`, and that `sampler_axes` fits it and the batch.

    Raises:
        ValueError: if the axes are not None, 0 or a tuple of these with one per member, or a leaf
            lacks the leading axis of the batch.
    """
    if not isinstance(sampler, Transform):
        raise ValueError(f"the sampler must be a Transform, such as chain(...), got {sampler!r}")
    whole = not isinstance(axes, tuple)
    members = [sampler] if whole or not isinstance(sampler, Chain) else list(sampler)
    if not whole and not (isinstance(sampler, Chain) and len(axes) == len(members)):
        raise ValueError(f"sampler_axes {axes!r} needs a chain of {len(axes)} members: {sampler!r}")
    for member, axis in zip(members, [axes] if whole else axes, strict=True):
        if axis not in (None, 0):
            raise ValueError(f"sampler_axes must be None, 0 or a tuple of these, got {axes!r}")
        for leaf in jax.tree.leaves(member) if axis == 0 else ():
            if jnp.shape(leaf)[:1] != (batch,):
                raise ValueError(
                    f"sampler_axes=0 needs a leading axis of {batch} rows on every leaf, "
                    f"got shape {list(jnp.shape(leaf))} in {member!r}; use stack([...])"
                )


def axes_prefix(axes: Any) -> Any:
    """Return `sampler_axes` as the prefix of a sampler that `jax.vmap` takes."""
    return Chain(axes) if isinstance(axes, tuple) else axes


def map_rows(fn: Callable[..., Any], axes: Any, sampler: Any, *others: Any) -> Any:
    """Apply `fn` to the leaves of samplers that carry rows; the others are those of `sampler`."""
    if isinstance(axes, tuple):
        members = zip(axes, sampler, *others, strict=True)
        return Chain(tuple(map_rows(fn, *member) for member in members))
    return jax.tree.map(fn, sampler, *others) if axes == 0 else sampler


def repeat_sampler(sampler: Any, axes: Any, samples: int) -> Any:
    """Repeat the leaves of a sampler that carry rows `samples` times."""
    return map_rows(lambda x: jnp.repeat(x, samples, axis=0), axes, sampler)


def repeat_rows(tree: Any, samples: int) -> Any:
    """Repeat each row of every leaf: row b becomes rows b * samples to (b + 1) * samples - 1."""
    return jax.tree.map(lambda x: jnp.repeat(x, samples, axis=0), tree)
