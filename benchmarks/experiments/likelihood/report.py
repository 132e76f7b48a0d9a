"""The numbers of all domains, their differences, and the verdict on the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsample.study import holm

from ...harness.report import spanned, table
from ..learned.inference import interval, per_token, sign_flip

CHECKED = "learned", "fixed_oracle", "edt_oracle"
"""The arms whose curves the library checks."""

SECONDARY = {"learned_minus_fixed_tuned": "fixed", "learned_minus_edt_tuned": "edt"} | {
    f"learned_minus_{arm}": arm
    for arm in ("plain", "instance_oracle", "instance", "distribution", "low_rank")
}
"""The differences beside the primary ones: their names, and the other arm."""


def summary(arm: dict[str, Any], sizes: np.ndarray) -> dict[str, Any]:
    """Return an arm's surprise in nats per token, with its interval and notes."""
    units = np.array(arm["units"])
    notes = {name: value for name, value in arm.items() if name != "units"}
    return {"nats": per_token(units, sizes), "ci": interval(units, sizes), **notes}


def contrast(a: dict, b: dict, sizes: np.ndarray, plan: dict[str, Any]) -> dict[str, Any]:
    """Return a - b in nats per token, with interval and p-value; below 0, `a` predicts better.

    Args:
        a, b: arms.
        sizes: tokens of each test text.
        plan: `statistics` of the protocol.
    """
    apart = np.array(a["units"]) - np.array(b["units"])
    p = sign_flip(apart.mean(axis=0) * sizes, plan["flips"], plan["seed"] + 1)
    return {"mean": per_token(apart, sizes), "ci": interval(apart, sizes), "p": p}


def report(domains: dict[str, dict[str, Any]], protocol: dict[str, Any]) -> dict[str, Any]:
    """Return the part of results.json that follows from the arms.

    Args:
        domains: by name, `arms` and `sizes`.
        protocol: the whole protocol.
    """
    primary, plan = protocol["endpoints"]["primary"], protocol["statistics"]
    found = {}
    for name, domain in domains.items():
        arms, sizes = domain["arms"], np.array(domain["sizes"])
        found[name] = {
            "arms": {arm: summary(value, sizes) for arm, value in arms.items()},
            "differences": {
                label: contrast(arms["learned"], arms[other], sizes, plan)
                for label, other in (primary | SECONDARY).items()
            },
            "texts": len(sizes),
            "tokens": int(sizes.sum()),
        }
    tested = [found[name]["differences"][label] for name in found for label in primary]
    for difference, p in zip(tested, holm([d["p"] for d in tested]), strict=True):
        difference["p_holm"] = float(p)
    return {"domains": found, "predictions": {"gain": verdict(found, protocol)}}


def verdict(domains: dict[str, Any], protocol: dict[str, Any]) -> dict[str, Any]:
    """Judge the prediction: `met` for the estimates, `certain` for the whole intervals.

    The run is void if the interpolated surprise differs too much from that of the library.
    """
    least, most = protocol["thresholds"]["gain"], protocol["curves"]["tolerance"]
    parts = {}
    for name, domain in domains.items():
        difference = domain["differences"]["learned_minus_fixed"]
        high = difference["ci"][1]
        parts[name] = {
            "gain": -difference["mean"],
            "met": bool(difference["mean"] <= -least and high < 0),
            "certain": bool(high <= -least),
            "void": not all(domain["arms"][arm]["apart_from_library"] <= most for arm in CHECKED),
        }
    judged = {key: all(part[key] for part in parts.values()) for key in ("met", "certain")}
    return {**judged, "void": any(part["void"] for part in parts.values()), "parts": parts}


def tables(results: dict[str, Any]) -> str:
    """Return tables of the arms and of the differences."""

    def rows(group, value, form):
        names = list(next(iter(domains.values()))[group])
        found = ([domain[group][name] for domain in domains.values()] for name in names)
        return [
            [name, *(spanned(x[value], x["ci"], form) for x in each)]
            for name, each in zip(names, found, strict=True)
        ]

    domains = results["domains"]
    parts = [
        table(["nats per token", *domains], rows("arms", "nats", ".4f")),
        table(["difference", *domains], rows("differences", "mean", "+.4f")),
    ]
    gain = results["predictions"]["gain"]
    word = "void" if gain["void"] else "met" if gain["met"] else "NOT MET"
    parts.append(f"prediction: {word}; the whole interval: {'yes' if gain['certain'] else 'no'}")
    return "\n\n".join(parts)
