"""Policies that choose the same settings for every token, each with a chain of these settings.

Both draw the same distribution, so the difference of their times is the cost of reading the row and
the hidden state, and of the network.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from flax import nnx

from jaxsample import EntropyTemperature, MinP, Reshape, Temperature, TopP, chain
from jaxsample.learn import DISTRIBUTION, Learned, Policy
from jaxsample.study import Setting

FEATURES = {
    "hidden state": (),
    "entropy, hidden state": ("entropy",),
    "distribution, hidden state": DISTRIBUTION,
}
HEADS = "nucleus", "edt", "reshape"
QUICK_FEATURES, QUICK_HEADS = {"entropy, hidden state": ("entropy",)}, ("reshape",)
SLOPES = 1.25, 1.25, 1.5, 2.0, 4.0


def pairs(hidden_size: int, quick: bool = False) -> dict[str, tuple[Setting, ...]]:
    """Return for each head the chain of constants, and a policy for each choice of features."""
    # The last two of a nucleus are 1 - p and 10 times min-p.
    numbers = {
        "nucleus": (chain(Temperature(0.8), TopP(0.9), MinP(0.05)), [_heat(0.8), -0.1, 0.5]),
        "edt": (
            chain(EntropyTemperature(0.8, 0.5, max_temperature=3.0), TopP(0.9)),
            [_heat(0.8), 10.0 * math.atanh(0.05)],
        ),
        "reshape": (
            chain(Reshape(SLOPES), TopP(0.9)),
            # The last slope may be as steep as 1000. The knots stay where they are.
            [*(_heat(1 / s) for s in SLOPES[:-1]), _heat(1 / SLOPES[-1], 1e-3), *[0.0] * 4],
        ),
    }
    found = {}
    for head in QUICK_HEADS if quick else HEADS:
        constants, bias = numbers[head]
        settings = [Setting("the same numbers as constants", constants)]
        for name, features in (QUICK_FEATURES if quick else FEATURES).items():
            policy = Policy(head, features=features, hidden_size=hidden_size, rngs=nnx.Rngs(0))
            policy.bias[...] = jnp.asarray(bias, jnp.float32)
            rest = () if head == "nucleus" else (TopP(0.9),)
            settings.append(Setting(name, chain(Learned(policy), *rest)))
        found[f"policy {head}"] = tuple(settings)
    return found


def _heat(t: float, coldest: float = 0.1) -> float:
    """Return the network output that a policy maps to a temperature, from `coldest` to 3."""
    reach = math.log(3.0) if t > 1 else -math.log(coldest)
    return reach * math.atanh(math.log(t) / reach)
