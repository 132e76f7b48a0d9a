"""Rows of logits with edge cases, and the transformed rows that most laws read."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

V = 131  # more than one block, and not a multiple of a block
D = 8


def _valid():
    rng = np.random.default_rng(7)

    def normal(scale):
        return (scale * rng.standard_normal(V)).astype(np.float32)

    rows = {"flat": normal(0.1), "mild": normal(1), "sharp": normal(4), "peaked": normal(30)}
    rows["bfloat16"] = np.asarray(jnp.asarray(normal(2), jnp.bfloat16), np.float32)  # many ties
    rows["coarse"] = np.round(normal(2))
    rows["shifted"] = normal(2) + np.float32(500)
    rows["sunk"] = normal(2) - np.float32(2e4)
    rows["masked"] = np.where(rng.random(V) < 0.9, -np.inf, normal(2))
    rows["two left"] = np.where(np.isin(np.arange(V), (3, 100)), normal(1), -np.inf)
    rows["one left"] = np.where(np.arange(V) == 77, -1.5, -np.inf)
    rows["constant"] = np.full(V, 2.5)
    rows["constant zero"] = np.zeros(V)
    rows["all tied but masked"] = np.where(np.arange(V) % 3 == 0, -4.0, -np.inf)
    rows["tied maxima"] = np.where(np.isin(np.arange(V), (0, 64, V - 1)), 5.0, normal(1))
    rows["one hot"] = np.where(np.arange(V) == 5, 200.0, 0.0)
    rows["signed zeros"] = np.where(np.arange(V) == 2, 0.0, np.where(np.arange(V) < 6, -0.0, -3.0))
    rows["huge"] = np.where(rng.random(V) < 0.3, 3e38, np.where(rng.random(V) < 0.5, -3e38, 1.0))
    rows["huge and alone"] = np.where(np.arange(V) == 9, 3e38, -3e38)
    rows["far below"] = np.where(np.arange(V) == 9, -3e38, -np.inf)
    rows["ascending"] = np.linspace(-9, 0, V)
    return {name: np.asarray(row, np.float32) for name, row in rows.items()}


def _infinite():
    mild = VALID["mild"]
    one = np.where(np.arange(V) == 4, np.inf, mild)
    some = np.where(np.arange(V) % 50 == 4, np.inf, np.where(np.arange(V) % 2 == 0, -np.inf, mild))
    return {"one +inf": np.float32(one), "some +inf": np.float32(some)}


def _invalid():
    mild, first = VALID["mild"], np.arange(V) == 0
    rows = {"one nan": np.where(np.arange(V) == V - 1, np.nan, mild), "empty": np.full(V, -np.inf)}
    rows["all nan"] = np.full(V, np.nan)
    rows["nan beside +inf"] = np.where(first, np.nan, np.where(np.arange(V) == 9, np.inf, mild))
    rows["nan beside -inf"] = np.where(first, np.nan, -np.inf)
    return {name: np.float32(row) for name, row in rows.items()}


VALID = _valid()
INFINITE = _infinite()
INVALID = _invalid()
BANK = np.stack([*VALID.values(), *INFINITE.values(), *INVALID.values()])
NAMES = [*VALID, *INFINITE, *INVALID]
HIDDEN = np.random.default_rng(3).standard_normal(D).astype(np.float32)


@jax.jit
def forward(sampler, state, rows, hidden):
    """Transform all rows at once, and the same rows one after another."""

    def one(row):
        return sampler(row, state, hidden)

    return jax.vmap(one)(rows), jax.lax.map(one, rows)


def apply(sampler, rows, state=None):
    """Transform rows `[R, V]`, padded so that each structure of a sampler compiles once."""
    full = np.zeros((len(BANK), rows.shape[1]), np.float32)
    full[: len(rows)] = rows
    return np.asarray(forward(sampler, state, full, HIDDEN)[0])[: len(rows)]


@functools.cache
def outputs(case):
    """The transformed BANK, under vmap and in a loop, computed once for all laws."""
    batched, looped = forward(case.sampler, case.state, BANK, HIDDEN)
    return np.asarray(batched), np.asarray(looped)


def bits(array):
    """The bits of float32 numbers, so that -0.0 differs from 0.0 and NaN equals NaN."""
    return np.asarray(array, np.float32).view(np.uint32)
