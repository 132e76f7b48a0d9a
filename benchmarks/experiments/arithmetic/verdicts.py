"""The learned arm beside the others, and the predictions of the protocol."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.experiments.learned.predictions import above
from jaxsample.study import holm

from .measures import KS, contrast, share


def conclude(right: dict[str, np.ndarray], protocol: dict[str, Any]) -> dict[str, Any]:
    """Return the differences of the learned arm, its shares of the fine-tune, and the verdicts.

    Args:
        right: by arm, the probability `[S, N]` that each of N test sums is solved.
        protocol: the whole protocol.
    """
    credit = protocol["learned"]["credit"]
    arm, fine = right[f"{protocol['learned']['rung']}_{credit}"], right[f"fine_tune_{credit}"]
    plan, primary = protocol["statistics"], protocol["endpoints"]["primary"]

    def minus(other, k):
        return contrast(arm, right[other], k, plan) | {"against": other}

    differences = {
        name: minus(endpoint["minus"], int(name.split("_")[1]))
        for name, endpoint in primary.items()
    }
    corrected = holm([differences[name]["p"] for name in primary])
    for name, p in zip(primary, corrected, strict=True):
        differences[name]["p_holm"] = float(p)
    for k in KS:
        others = ("plain", f"edt_oracle_{k}", f"min_p_oracle_{k}", f"kinds_oracle_{k}")
        # The best setting for the other measure shows whether one setting could do both.
        for other in (*others, *(f"fixed_oracle_{j}" for j in KS if j != k)):
            differences[f"pass_{k}_minus_{other}"] = minus(other, k)
    shares = {f"share_{k}": share(arm, fine, right["plain"], k) for k in KS}
    edt = differences["pass_8_minus_edt_oracle_8"]
    limits = protocol["thresholds"]
    verdicts = {
        "more_solved": _gain(differences["pass_8"], primary["pass_8"]["above"]),
        "none_lost": _gain(differences["pass_1"], primary["pass_1"]["above"]),
        "edt": _gain(edt, limits["edt"]),
        "share": _gain(shares["share_8"], limits["share"]),
    }
    return {"differences": differences, "shares": shares, "predictions": verdicts}


def _gain(found, limit):
    """Judge a prediction of a whole interval."""
    return above(found["value"], found["ci"], limit)
