"""Whether all ways give the same tokens: `sample`, `draw` of the transformed row, and a CPU."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from harness import real_rows
from harness.inputs import logits
from peers.chains import settings
from peers.ours import sampler

from jaxsample import draw, sample

from . import loops

CHAINS = ("k 50 + p .9", "T 1 + p .95", "T", "EDT + p .9", "typical .9")
SEEDS = 4  # draws of each row
VOCABULARY = 128256


def inputs(given) -> dict[str, np.ndarray]:
    """Return rows of one vocabulary; tokens that an input lacks are -inf."""
    if given.quick:
        return {"peaked": logits("peaked", 4, 512)}
    found = {"peaked": logits("peaked", 16, VOCABULARY), "flat": logits("flat", 4, VOCABULARY)}
    if given.assets:
        rows = real_rows.rows(given.assets, 64)
        lacking = (0, 0), (0, VOCABULARY - rows.shape[1])
        found[real_rows.NAME] = np.pad(rows, lacking, constant_values=-np.inf)
    return found


@jax.jit
def sampled(keys, rows, sampler):
    return jax.vmap(sample, in_axes=(0, 0, None))(keys, rows, sampler)


@jax.jit
def defined(keys, rows, sampler):
    """Draw as the definition says: each row is transformed whole."""
    return jax.vmap(lambda key, row: draw(key, sampler(row)))(keys, rows)


def run(given) -> Iterator[dict]:
    """Yield for each chain and input how many tokens differ from those of `sample` here."""
    cpu, found = jax.devices("cpu")[0], inputs(given)
    names = np.repeat(list(found), [SEEDS * len(rows) for rows in found.values()])
    rows = np.concatenate([np.tile(rows, (SEEDS, 1)) for rows in found.values()])
    keys, here = jax.random.split(jax.random.key(0), len(rows)), jnp.asarray(rows)
    there = jax.device_put((keys, here), cpu)
    for chain in ("T",) if given.quick else CHAINS:
        made = sampler(settings(chain, len(rows)))
        programs = {
            "sample": (sampled, (keys, here, made)),
            "draw": (defined, (keys, here, made)),
            "sample on a CPU": (sampled, (*there, made)),
            "draw on a CPU": (defined, (*there, made)),
        }
        tokens = {name: np.asarray(call(0)) for name, call in loops.calls(programs).items()}
        first = tokens.pop("sample")
        for name in found:
            at = names == name
            unlike = {f"unlike {way}": int(np.sum((first != t)[at])) for way, t in tokens.items()}
            yield {"input": name, "chain": chain, "tokens": int(at.sum()), **unlike}
