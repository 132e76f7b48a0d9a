"""This library: one program for each structure of chain, with traced hyperparameters."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsample import EntropyTemperature, MinP, Temperature, TopK, TopP, chain, sample, stack
from jaxsample.interop import from_dict

from .compiled import calling

ONE_FOR_ALL = jax.jit(jax.vmap(sample, in_axes=(0, 0, None)))
ONE_PER_ROW = jax.jit(jax.vmap(sample, in_axes=(0, 0, 0)))


def sampler(settings: dict):
    """Return the sampler of a chain's settings."""
    if settings["per_row"]:
        batch = len(settings["temperature"])
        values = {name: value for name, value in settings.items() if isinstance(value, list)}
        rows = [{name: value[i] for name, value in values.items()} for i in range(batch)]
        return stack([_one({**settings, **row}) for row in rows])
    return _one(settings)


def _one(settings):
    temperature, theta = settings["temperature"], settings["theta"]
    parts = [Temperature(temperature) if theta is None else EntropyTemperature(temperature, theta)]
    for name, make in (("top_k", TopK), ("top_p", TopP), ("min_p", MinP)):
        if settings[name] is not None:
            parts.append(make(settings[name]))
    if settings["filter"] is not None:
        parts.append(from_dict(settings["filter"]))
    return chain(*parts)


def prepare(path, settings):
    run = ONE_PER_ROW if settings["per_row"] else ONE_FOR_ALL
    traced = jax.tree.map(jnp.asarray, sampler(settings))
    return calling(run, path, traced, per_row=True)
