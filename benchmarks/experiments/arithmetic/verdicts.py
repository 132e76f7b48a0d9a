"""The learned arm beside the others, and the predictions of the protocol."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsample.study import holm

from .measures import KS, at_k, contrast, excess, share, unseen

LEVEL = 0.05

Arms = dict[str, np.ndarray]


def conclude(right: Arms, missed: Arms, protocol: dict[str, Any]) -> dict[str, Any]:
    """Return the differences of the learned arm, its shares of the fine-tune, and the verdicts.

    The plan has no prediction about the other trained arms, so their differences from the best
    fixed T and p, from the best EDT and from the learned arm have no corrected p-value.

    Args:
        right: by arm, the probability `[S, N]` that each of N test sums is solved.
        missed: by arm, `[S, N]`, at most how much texts of other formats add to it.
        protocol: the whole protocol.
    """
    credit, plan = protocol["learned"]["credit"], protocol["statistics"]
    name, fine = f"{protocol['learned']['rung']}_{credit}", f"fine_tune_{credit}"
    arm = right[name]
    differences = {}
    for k in KS:
        others = ("plain", *(other for other in right if other.endswith(f"_oracle_{k}")))
        # The best setting for the other measure shows whether one setting could do both.
        for other in (*others, *(f"fixed_oracle_{j}" for j in KS if j != k)):
            found = contrast(arm, right[other], k, plan)
            differences[f"pass_{k}_minus_{other}"] = found | {"against": other}
    shares = {f"share_{k}": share(arm, right[fine], right["plain"], k) for k in KS if fine in right}
    trained = [other for other, rows in right.items() if len(rows) > 1 and other != name]
    others = {
        f"{other}, pass@{k} minus {base}": contrast(right[other], right[base], k, plan)
        for other in trained
        for k in KS
        for base in (f"fixed_oracle_{k}", f"edt_oracle_{k}", name)
        if base in right
    }
    return {
        "differences": differences,
        "others": others,
        "shares": shares,
        "predictions": _judged(right, missed, name, fine, protocol),
    }


def _judged(right, missed, name, fine, protocol):
    """Judge each prediction: "the value is above the limit", tested one-sided, in one family."""
    verdicts = {}
    for prediction, test in protocol["tests"].items():
        k, limit = test["k"], test["above"]
        arm = at_k(right[name], k)
        if "minus" in test:
            arms = [name, test["minus"]]
            over = arm - at_k(right[test["minus"]], k) - limit
        else:  # a share of the gain of the fine-tune, without a division
            arms = [name, fine, "plain"]
            plain, whole = at_k(right["plain"], k), at_k(right[fine], k)
            over = arm - plain - limit * (whole - plain)
        lost = {arm: unseen(right[arm], missed[arm], k) for arm in arms}
        verdicts[prediction] = {"over_limit": excess(over, protocol["statistics"]), "missed": lost}
    corrected = holm([found["over_limit"]["p"] for found in verdicts.values()])
    for found, p in zip(verdicts.values(), corrected, strict=True):
        void = max(found["missed"].values()) > protocol["missed"]["most"]
        certain = found["over_limit"]["ci"][0] > 0
        met = bool(certain and p < LEVEL and not void)
        found |= {"p_holm": float(p), "certain": certain, "void": void, "met": met}
    if "share" in verdicts:
        # Half of no gain is no gain: the share says something only if the fine-tune gains.
        gains = right[name], right[fine], right["plain"]
        if share(*gains, protocol["tests"]["share"]["k"])["ci"] is None:
            verdicts["share"] |= {"void": True, "met": False}
    return verdicts
