"""The families of settings that the EDT study compares, all of one size."""

from __future__ import annotations

from collections.abc import Sequence

from jaxsample.decode._combiners import KLTemperature
from jaxsample.study.draw._item import Item
from jaxsample.study.draw._settings import Setting, grid
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.filters._truncation import MinP, TopP
from jaxsample.transforms.temperatures._temperature import EntropyTemperature, Temperature

FIXED, EDT, KL, TOP_P, MIN_P, YOURS = FAMILIES = (
    "fixed temperature",
    "EDT",
    "KL-guided",
    "top-p",
    "min-p",
    "yours",
)
ALONE = 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4  # fixed temperatures
# The temperatures of the other families: T0 of EDT, the highest one of KL-guided.
T = 0.5, 0.8, 1.1, 1.5
SECOND = {
    EDT: (0.2, 0.7, 2.0),  # theta, in nats
    KL: (0.5, 2.0, 8.0),  # sigma, in nats
    TOP_P: (0.5, 0.8, 0.95),
    MIN_P: (0.02, 0.1, 0.3),
}


def edt_settings(items: Sequence[Item], quick: bool = False) -> dict[str, list[Setting]]:
    """Return the settings of each family: 12 each, or 4 if quick.

    KL-guided settings take part if every item has its `without`.
    """
    alone, t = (ALONE[1::3], T[1:3]) if quick else (ALONE, T)
    second = {name: some[::2] if quick else some for name, some in SECOND.items()}
    found = {
        FIXED: grid("T {t}", lambda t: chain(Temperature(t)), t=alone),
        EDT: grid(
            "EDT {t0}, {theta}",
            lambda t0, theta: chain(EntropyTemperature(t0, theta)),
            t0=t,
            theta=second[EDT],
        ),
        KL: [
            Setting(f"KL {hottest}, {sigma}", chain(), KLTemperature(hottest, sigma))
            for hottest in t
            for sigma in second[KL]
        ],
        TOP_P: grid(
            "T {t}, p {p}", lambda t, p: chain(Temperature(t), TopP(p)), t=t, p=second[TOP_P]
        ),
        MIN_P: grid(
            "T {t}, min-p {p}", lambda t, p: chain(Temperature(t), MinP(p)), t=t, p=second[MIN_P]
        ),
    }
    if any(item.without is None for item in items):
        del found[KL]
    return found
