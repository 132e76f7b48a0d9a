"""A test of whether learned samplers beat well-tuned fixed ones: all numbers and pictures.

    python benchmarks/experiments/learned/prove.py --out DIR [--quick] [--worlds null,crossed]
        [--assets DIR]

The plan is fixed in protocol.toml. DIR/results.json has, under worlds.NAME, the exact
KL(truth || sampler) of every arm with its interval, the differences of the learned arm from the
best fixed temperature and the best EDT, both tuned on the test set, and the verdicts on the
predictions. Finished parts are kept in DIR/parts, and a run that was cut off resumes from there. A
part that was measured under another protocol or another --quick is measured again.
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

import jax  # noqa: E402

from benchmarks.experiments.learned import protocol as plan  # noqa: E402
from benchmarks.experiments.learned.arms import measure  # noqa: E402
from benchmarks.experiments.learned.fronts import front  # noqa: E402
from benchmarks.experiments.learned.pictures import draw  # noqa: E402
from benchmarks.experiments.learned.predictions import gather, judge  # noqa: E402
from benchmarks.experiments.learned.real import NAME as REAL  # noqa: E402
from benchmarks.experiments.learned.real import missing, shakespeare  # noqa: E402
from benchmarks.experiments.learned.rival import rival  # noqa: E402
from benchmarks.experiments.learned.traps import gradients, nucleus, one_p, weighting  # noqa: E402
from benchmarks.experiments.learned.worlds import NAMES, build  # noqa: E402
from benchmarks.harness.kept import kept  # noqa: E402
from benchmarks.harness.options import chosen  # noqa: E402
from benchmarks.harness.progress import progress  # noqa: E402
from benchmarks.harness.report import (  # noqa: E402
    environment,
    figures,
    heading,
    load,
    save,
    spanned,
    table,
)

SHOWN = ("plain", "fixed_oracle", "edt_oracle", "learned", "oracle")


def world_results(name: str, protocol: dict, quick: bool, step) -> dict[str, Any]:
    """Measure a world, with the arms that only it has."""
    step(f"{name}: build")
    found, trial = measure(build(name, quick, protocol["data"]["seed"]), protocol, quick, step)
    if name == protocol["policy_gradient"]["world"]:
        step(f"{name}: policy gradient")
        found |= {f"policy_gradient_{k}": v for k, v in gradients(trial).items()}
        step(f"{name}: weighting")
        found["weighting"] = weighting(trial)
    if name == protocol["top_p"]["world"]:
        step(f"{name}: one p")
        found |= {"one_p": one_p(trial), "nucleus": nucleus(trial)}
    if name in protocol["rival"]["worlds"]:
        step(f"{name}: rival")
        found["rival"] = rival(trial)
    return found | {"predictions": judge(found, trial)}


def real_results(assets: Path, protocol: dict, quick: bool, step) -> dict[str, Any]:
    """Measure the arms on real text."""
    world = shakespeare(assets, protocol["real"], quick)
    return measure(world, protocol, quick, step, oracle=False)[0]


def tables(results: dict[str, Any]) -> str:
    """Return tables of KL by world and arm, of the primary differences, and of the predictions."""

    def kl(arm):
        return figures(arm["kl"]) if isinstance(arm["kl"], float) else str(arm["kl"])

    def spread(found):
        return "-" if found is None else spanned(found["mean"], found["ci"], "+.5f")

    worlds = results["worlds"]
    rows = [[name, *(kl(world[arm]) for arm in SHOWN)] for name, world in worlds.items()]
    parts = [table(["KL, nats per token", *SHOWN], rows)]
    names = list(results["protocol"]["endpoints"]["against"])
    rows = [
        [
            name,
            *(spread(world["differences"][n]) for n in names),
            *(
                "-" if found is None else f"{found['value']:.3f}"
                for found in (world["recovered"].get(of) for of in ("ideal", "oracle"))
            ),
        ]
        for name, world in worlds.items()
    ]
    parts.append(table(["difference", *names, "of reachable", "of oracle"], rows))
    rows = [
        [text, "met" if found["met"] else "NOT MET", "yes" if found["certain"] else "no"]
        for name, text in results["protocol"]["predictions"].items()
        if (found := results["predictions"].get(name))
    ]
    parts.append(table(["prediction", "estimate", "whole interval"], rows))
    return "\n\n".join(parts)


def parse():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="two seeds, few stories, short runs")
    options.add_argument("--out", type=Path, required=True, help="where everything goes")
    options.add_argument("--assets", type=Path, help="where stories260K/ and texts/ are")
    options.add_argument("--worlds", help=f"some of {','.join(NAMES)}")
    given = options.parse_args()
    given.worlds = chosen(options, given.worlds, NAMES) if given.worlds else NAMES
    return given


def main():
    given = parse()
    protocol, before = plan.load(), environment()
    print(heading(before))
    mark = {"protocol": plan.digest(), "quick": given.quick, "jax": jax.__version__}
    parts = given.out / "parts"
    worlds = {}
    with progress(len(given.worlds) * 6 + 10) as step:

        def part(name, make):
            return kept(parts / f"{name}.json", mark, make)

        for name in given.worlds:
            worlds[name] = part(
                name, lambda name=name: world_results(name, protocol, given.quick, step)
            )
        fronts = part("front", lambda: front(protocol, given.quick, step))
        reason = missing(given.assets)
        real = {"skipped": reason}
        if reason is None:
            step(f"{REAL}: build")
            real = part(REAL, lambda: real_results(given.assets, protocol, given.quick, step))
    verdicts = {name: world["predictions"] for name, world in worlds.items()}
    results = {
        "benchmark": "learned decoding",
        "protocol_sha256": plan.digest(),
        "protocol": protocol,
        "quick": given.quick,
        "before": before,
        "load_after": load(),
        "worlds": worlds,
        "front": fronts,
        REAL: real,
        "predictions": gather(verdicts),
    }
    print(f"\n{tables(results)}\n")
    print(f"wrote {save(given.out, results)}")
    for path in draw(results, given.out):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
