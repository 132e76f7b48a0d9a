"""The predictions of the protocol, compared with the results."""

from __future__ import annotations

from typing import Any

from .trial import Trial

Verdict = dict[str, Any]


def below(value: float, ci: list[float] | None, limit: float, **told: Any) -> Verdict:
    """Judge "value <= limit": `met` for the estimate, `certain` for the whole interval."""
    certain = ci is not None and ci[1] <= limit
    return {"value": value, "ci": ci, "at_most": limit, **_judged(value <= limit, certain), **told}


def above(value: float, ci: list[float] | None, limit: float, **told: Any) -> Verdict:
    """Judge "value >= limit"."""
    certain = ci is not None and ci[0] >= limit
    return {"value": value, "ci": ci, "at_least": limit, **_judged(value >= limit, certain), **told}


def every(parts: dict[str, Verdict]) -> Verdict:
    """Judge several at once, met if all are met."""
    met = all(part["met"] for part in parts.values())
    return {**_judged(met, all(part["certain"] for part in parts.values())), "parts": parts}


def judge(world: dict[str, Any], trial: Trial) -> dict[str, Verdict]:
    """Return the verdicts on a world's part of results.json."""
    margins, differences = trial.protocol["margins"], world["differences"]
    thresholds, name = trial.protocol["thresholds"], trial.world.name
    if name == "crossed":
        return _crossed(world, trial, thresholds)
    if name == "edt":
        return {"H2": _difference(trial.contrast("learned", "edt_true"), thresholds["H2"])}
    if name in ("null", "story"):
        prediction = {"null": "H3", "story": "control"}[name]
        return {prediction: _difference(differences["learned_minus_fixed"], margins[name])}
    if name == "smoothed":
        off = world["one_p"]["off"]
        return {name: below(max(off), [min(off), max(off)], 0.0, p=world["one_p"]["p"])}
    if name in ("shift_0.4", "shift_0.6", "shift_2.5"):
        primary = trial.protocol["endpoints"]["primary"]
        share = world["recovered"]["ideal"]
        return {
            "shifts": every({name: _gain(differences[name]) for name in primary}),
            "reachable": above(share["value"], share["ci"], thresholds["reachable"]),
        }
    return {}


def gather(by_world: dict[str, dict[str, Verdict]]) -> dict[str, Verdict]:
    """Return one verdict for each prediction; one of several worlds is met if it is met in all."""
    found: dict[str, dict[str, Verdict]] = {}
    for world, verdicts in by_world.items():
        for name, verdict in verdicts.items():
            found.setdefault(name, {})[world] = verdict
    return {
        name: next(iter(parts.values())) if len(parts) == 1 else every(parts)
        for name, parts in found.items()
    }


def _judged(met, certain):
    return {"met": bool(met), "certain": bool(certain)}


def _difference(found, limit):
    return below(found["mean"], found["ci"], limit)


def _gain(found):
    """Judge a gain, which counts only if its whole interval is below 0."""
    verdict = _difference(found, 0.0)
    return verdict | {"met": verdict["certain"], "p_holm": found.get("p_holm")}


def _kl(arm, judged, limit):
    return judged(arm["kl"], arm["ci"], limit)


def _crossed(world, trial, limits):
    oracles = ("fixed_oracle", "edt_oracle")
    shares = {other: trial.contrast("learned", other, limits["H1"]) for other in oracles}
    gradients = {name: world[f"policy_gradient_{name}"] for name in ("biased", "right")}
    others = {other: _kl(world[other], above, limits["crossed"]["others"]) for other in oracles}
    return {
        "H1": every({name: _difference(found, 0.0) for name, found in shares.items()}),
        "H4": _kl(world["rungs"]["temperature_distribution"], above, limits["H4"]),
        "H5": every(
            {
                kind: below(found["off"], found["off_ci"], limits["H5"])
                for kind, found in world["temperatures"]["kinds"].items()
            }
        ),
        "H6": every(
            {
                "biased": _kl(gradients["biased"], above, limits["H6"]["biased"]),
                "right": _kl(gradients["right"], below, limits["H6"]["right"]),
            }
        ),
        "H7": every(
            {
                kind: below(
                    abs(found["ratio"] - 1),
                    sorted(abs(end - 1) for end in found["ci"]),
                    limits["H7"],
                    learned=found["learned"],
                    predicted=found["predicted"],
                )
                for kind, found in world["weighting"].items()
            }
        ),
        "crossed": every(
            {"learned": _kl(world["learned"], below, limits["crossed"]["learned"])} | others
        ),
    }
