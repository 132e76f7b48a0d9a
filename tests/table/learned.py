"""Policies and soft filters."""

import jax
from flax import nnx

from jaxsample.learn import Learned, Policy, SoftMinP, SoftTopK, SoftTopP
from tests.oracles.learned import policy, soft_min_p, soft_top_k, soft_top_p
from tests.rows import HIDDEN, D
from tests.table.case import Case

# Five float32 sums and a network of 2 x 8 change log T by some 1e-6. The spread of a row, a small
# difference of large squares, changes it by 1e-4.
NETWORK = 1e-4
# The error of the mass above a token is a few ulp of 1, times the sharpness.
SUMS = 2e-5

# Without "nucleus", which is a count that one ulp of a mass may change.
NAMES = "entropy", "top", "collision", "varentropy", "spread"


def _network():
    """A policy with random weights in every layer; a fresh one has zeros in the last."""
    fresh = Learned(
        Policy(features=NAMES, hidden_size=D, width=8, rngs=nnx.Rngs(1)),
    )
    leaves, structure = jax.tree.flatten(fresh.params)
    keys = jax.random.split(jax.random.key(5), len(leaves))
    noisy = [x + 0.3 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    return fresh.replace(params=structure.unflatten(noisy))


NETWORKED = _network()
FRESH = Learned(Policy(features=NAMES, hidden_size=D, width=8, rngs=nnx.Rngs(0)))

CASES = [
    Case("policy", NETWORKED, policy(NETWORKED.params, NAMES, HIDDEN), neutral=FRESH,
         tolerance=NETWORK, shifts=True),
    *(Case(f"softp-{p}-{s}", SoftTopP(p, s), soft_top_p(p, s), kind="set", tolerance=SUMS,
           near=SUMS * s / 30, neutral=SoftTopP(1.0, s)) for p, s in ((0.75, 30.0), (0.5, 300.0))),
    Case("softmin", SoftMinP(0.0625, 30.0), soft_min_p(0.0625, 30.0), kind="set", tolerance=SUMS,
         near=SUMS, neutral=SoftMinP(0.0, 30.0)),
    Case("softk", SoftTopK(7.5, 30.0), soft_top_k(7.5, 30.0), kind="set", tolerance=SUMS,
         near=SUMS, neutral=SoftTopK(SoftTopK.off, 30.0)),
]  # fmt: skip
