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
    judges = {
        "crossed": _crossed,
        "edt": _edt,
        "null": _null,
        "story": _control,
        "smoothed": _smoothed,
        "shift_0.4": _shift,
        "shift_0.6": _shift,
        "shift_2.5": _shift,
    }
    name = trial.world.name
    return judges[name](world, trial) if name in judges else {}


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


def _crossed(world, trial):
    limits = trial.protocol["thresholds"]
    others = {
        other: trial.contrast("learned", other, limits["H1"])
        for other in ("fixed_oracle", "edt_oracle")
    }
    blind = world["rungs"]["temperature_distribution"]
    gradient = {name: world[f"policy_gradient_{name}"] for name in ("biased", "right")}
    return {
        "H1": every({k: below(v["mean"], v["ci"], 0.0) for k, v in others.items()}),
        "H4": above(blind["kl"], blind["ci"], limits["H4"]),
        "H5": every(
            {
                kind: below(found["off"], found["off_ci"], limits["H5"])
                for kind, found in world["temperatures"]["kinds"].items()
            }
        ),
        "H6": every(
            {
                "biased": above(
                    gradient["biased"]["kl"], gradient["biased"]["ci"], limits["H6"]["biased"]
                ),
                "right": below(
                    gradient["right"]["kl"], gradient["right"]["ci"], limits["H6"]["right"]
                ),
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
            {
                "learned": _kl(world["learned"], below, limits["crossed"]["learned"]),
                "fixed_oracle": _kl(world["fixed_oracle"], above, limits["crossed"]["others"]),
                "edt_oracle": _kl(world["edt_oracle"], above, limits["crossed"]["others"]),
            }
        ),
    }


def _edt(world, trial):
    found = trial.contrast("learned", "edt_true")
    return {"H2": below(found["mean"], found["ci"], trial.protocol["thresholds"]["H2"])}


def _null(world, trial):
    found = world["differences"]["learned_minus_fixed"]
    return {"H3": below(found["mean"], found["ci"], trial.protocol["margins"]["null"])}


def _control(world, trial):
    found = world["differences"]["learned_minus_fixed"]
    return {"control": below(found["mean"], found["ci"], trial.protocol["margins"]["story"])}


def _smoothed(world, trial):
    off = world["one_p"]["off"]
    return {"smoothed": below(max(off), [min(off), max(off)], 0.0, p=world["one_p"]["p"])}


def _shift(world, trial):
    share = world["recovered"]["ideal"]
    primary = trial.protocol["endpoints"]["primary"]
    found = {name: world["differences"][name] for name in primary}
    return {
        "shifts": every({k: _closer(v) for k, v in found.items()}),
        "reachable": above(share["value"], share["ci"], trial.protocol["thresholds"]["reachable"]),
    }


def _closer(difference):
    """Judge a gain, which counts only if its whole interval is below 0."""
    verdict = below(difference["mean"], difference["ci"], 0.0)
    return verdict | {"met": verdict["certain"], "p_holm": difference.get("p_holm")}


def _kl(arm, judged, limit):
    return judged(arm["kl"], arm["ci"], limit)
