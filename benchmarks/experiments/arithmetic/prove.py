"""A test of whether learned samplers solve more sums than the best fixed ones.

    python benchmarks/experiments/arithmetic/prove.py --out DIR [--plan FILE] [--quick]

The plan is protocol.toml in this folder. Two more plans test what the runs before them suggested,
on other sums and with other seeds: confirmed.toml, a reshaping of the logits; after_rule.toml, a
policy that starts from a tuned EDT.

DIR/results.json has pass@1 and pass@8 of every arm with their intervals, the differences of the
learned arm from the best fixed temperature and top-p, both tuned on the test set, the share of the
fine-tune's gain that it recovers, and the verdicts on the predictions. Finished arms are kept in
DIR/parts, and a run that was cut off resumes from there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
if not __package__:
    # The folder of this script must not be on the path: its modules may hide installed ones.
    sys.path[0:1] = [str(ROOT), str(ROOT / "models")]

import numpy as np  # noqa: E402

from benchmarks.experiments.arithmetic.checks import checked  # noqa: E402
from benchmarks.experiments.arithmetic.fine_tune import fine_tuned  # noqa: E402
from benchmarks.experiments.arithmetic.measures import KS, summary  # noqa: E402
from benchmarks.experiments.arithmetic.policies import learned  # noqa: E402
from benchmarks.experiments.arithmetic.tuned import by_kind, tuned  # noqa: E402
from benchmarks.experiments.arithmetic.verdicts import conclude  # noqa: E402
from benchmarks.experiments.arithmetic.world import World, build, mark_of, rows, solved  # noqa: E402
from benchmarks.experiments.learned import protocol as plan  # noqa: E402
from benchmarks.experiments.learned.grids import FAMILIES  # noqa: E402
from benchmarks.harness.kept import kept  # noqa: E402
from benchmarks.harness.progress import progress  # noqa: E402
from benchmarks.harness.report import environment, heading, load, save, spanned, table  # noqa: E402
from jaxsample import chain  # noqa: E402
from jaxsample_models.arithmetic import Chances  # noqa: E402

PROTOCOL = Path(__file__).with_name("protocol.toml")


def steps(protocol: dict[str, Any], world: World, quick: bool) -> dict[str, Any]:
    """Return every part of the run by name: functions that make arms by name."""
    grids = protocol["quick_grids" if quick else "grids"]
    policies = protocol["quick_policies" if quick else "policies"]
    made: dict[str, Any] = {
        "plain": lambda: {"plain": rows([solved(chain(), world.test)])},
        "kinds": lambda: by_kind(protocol["kinds"], world.test),
    }
    for family, grid in grids.items():
        made[family] = lambda family=family, grid=grid: tuned(family, grid, world)
    for rung, credits in policies.items():
        for credit in credits:
            name, ks = f"{rung}_{credit}", protocol["credits"][credit]
            made[name] = lambda name=name, rung=rung, ks=ks: {
                name: learned(rung, ks, world, protocol, quick)
            }
    if "share" in protocol["tests"]:  # of the gain of the fine-tune
        credit = protocol["learned"]["credit"]
        name, ks = f"fine_tune_{credit}", protocol["credits"][credit]
        made[name] = lambda name=name, ks=ks: {name: fine_tuned(ks, world, protocol, quick)}
    return made


def written(arms: dict[str, Any]) -> dict[str, Any]:
    """Return arms for JSON: arrays become lists."""
    return {
        name: arm | {of: [np.asarray(row).tolist() for row in arm[of]] for of in Chances._fields}
        for name, arm in arms.items()
    }


def tables(results: dict[str, Any]) -> str:
    """Return tables of the arms, of the differences, and of the predictions."""

    def told(found):
        return spanned(found["value"], found["ci"])

    by_arm = [
        [name, *(told(arm[f"pass_{k}"]) for k in KS), f"{arm['pass_8']['missed']:.4f}"]
        for name, arm in results["arms"].items()
    ]
    parts = [table(["arm", *(f"pass@{k}" for k in KS), "missed of pass@8"], by_arm)]
    differences = results["differences"] | results["shares"]
    parts.append(
        table(["of the learned arm", "value"], [[n, told(x)] for n, x in differences.items()])
    )
    if results["others"]:
        others = [[name, told(x), f"{x['p']:.4f}"] for name, x in results["others"].items()]
        parts.append(table(["of the other trained arms", "value", "p"], others))
    judged = [
        [
            name,
            "void" if found["void"] else "met" if found["met"] else "NOT MET",
            told(found["over_limit"]),
            f"{found['p_holm']:.4f}",
            f"{max(found['missed'].values()):.4f}",
        ]
        for name, found in results["predictions"].items()
    ]
    parts.append(table(["prediction", "verdict", "over the limit", "p (Holm)", "missed"], judged))
    return "\n\n".join(parts)


def main():
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--quick", action="store_true", help="two seeds, few sums, short training")
    options.add_argument("--out", type=Path, required=True, help="where everything goes")
    options.add_argument("--plan", type=Path, default=PROTOCOL, help="another plan")
    given = options.parse_args()
    protocol, before = plan.load(given.plan), environment()
    print(heading(before))
    mark = mark_of(given.plan, given.quick)
    world = build(protocol["data"], given.quick)
    parts, arms = given.out / "parts", {}
    made = steps(protocol, world, given.quick)
    with progress(len(made) + 1) as step:
        for name, make in made.items():
            step(name)
            arms |= kept(parts / f"{name}.json", mark, lambda make=make: written(make()))
        step("checks")
        sizes = protocol["checked"]["quick"] if given.quick else protocol["checked"]
        seed = protocol["data"]["seed"] + 1
        of = protocol["checked"].get("edt")
        sampler = FAMILIES["edt"](**of) if of else chain()
        checks = kept(parts / "checks.json", mark, lambda: checked(world, sizes, sampler, seed))
    right, missed = (
        {name: np.asarray(arm.pop(of)) for name, arm in arms.items()} for of in Chances._fields
    )
    results = {
        "benchmark": "worked sums",
        "protocol_sha256": mark["protocol"],
        "weights_sha256": mark["weights"],
        "protocol": protocol,
        "quick": given.quick,
        "before": before,
        "load_after": load(),
        "arms": {name: arm | summary(right[name], missed[name]) for name, arm in arms.items()},
        **conclude(right, missed, protocol),
        "checks": checks,
    }
    print(f"\n{tables(results)}\n")
    print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
