"""The gain of each option of the policy gradient over plain REINFORCE, in the world of sums.

    python benchmarks/experiments/arithmetic/ablation.py --out DIR [--quick]

Every arm trains the same policy per token towards pass@8, on the same number of drawn texts. It
takes the learning rate that is best on val with the first seed. Towards pass@1 there is nothing to
gain: plain REINFORCE ends at the greedy sampler with every seed.

DIR/results.json has the exact pass@1 and pass@8 on held-out sums of each arm, the differences from
the plain arm with 95% intervals over seeds and sums, and the CPU seconds of training. Finished arms
are kept in DIR/parts, and a run that was cut off resumes from there.

All solutions have the same length, so `normalize` is not an arm: it would change the learning rate
alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
if not __package__:
    # The folder of this script must not be on the path: its modules may hide installed ones.
    sys.path[0:1] = [str(ROOT), str(ROOT / "models")]

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from flax import nnx  # noqa: E402

from benchmarks.experiments.arithmetic.credit import PassAtK  # noqa: E402
from benchmarks.experiments.arithmetic.measures import KS, at_k, contrast, summary  # noqa: E402
from benchmarks.experiments.arithmetic.world import World, build, solved  # noqa: E402
from benchmarks.experiments.learned import protocol as plan  # noqa: E402
from benchmarks.experiments.learned.ladder import adam  # noqa: E402
from benchmarks.harness.kept import kept  # noqa: E402
from benchmarks.harness.progress import progress  # noqa: E402
from benchmarks.harness.report import environment, heading, load, save, table  # noqa: E402
from jaxsample import chain  # noqa: E402
from jaxsample.learn import (  # noqa: E402
    Credit,
    Group,
    Learned,
    Policy,
    PolicyGradient,
    fit,
)
from jaxsample_models.arithmetic import EOS, right  # noqa: E402

PROTOCOL = Path(__file__).with_name("protocol.toml")
LENGTH = 7
SCHEDULE = {"steps": 60, "sums": 8, "samples": 16}
QUICK = {"steps": 4, "sums": 4, "samples": 10}
RATES = 1e-2, 3e-3
FEATURES = "entropy", "top", "collision", "varentropy", "spread"
WIDTH = 64


def plain(group: Group) -> Credit:
    """Credit each sample towards pass@8 without a baseline."""
    credit, rewards = SOLVED(group), right(group)
    others = (jnp.sum(rewards) - rewards) / (len(rewards) - 1)
    # The credit is that of the reward alone, times 1 - others.
    alone = credit.advantages / jnp.where(others < 1, 1 - others, 1.0)
    return credit._replace(advantages=rewards * alone)


def standardised(group: Group) -> Credit:
    """Divide the advantages of a group by their standard deviation (GRPO)."""
    credit = SOLVED(group)
    return credit._replace(advantages=credit.advantages / (jnp.std(credit.advantages) + 1e-4))


SOLVED = PassAtK(right, max(KS))
BASE = PolicyGradient(SOLVED, SCHEDULE["samples"], LENGTH, (EOS,))
ARMS = {
    "plain": {"credit": plain},
    "leave one out": {},
    "4 epochs, clip .2": {"epochs": 4, "clip": 0.2},
    "standardised": {"credit": standardised},
    "entropy .01": {"entropy": 0.01},
    "KL .01": {"kl": 0.01},
    "4 epochs": {"epochs": 4},
}
"""Options by arm; all but the first subtract the mean of the other samples."""

QUICK_ARMS = "plain", "4 epochs, clip .2"


def trained(options: dict[str, Any], world: World, seed: int, rate: float, quick: bool) -> Learned:
    """Train one policy."""
    size = QUICK if quick else SCHEDULE
    hidden_size = world.checkpoint.config.dim
    policy = Policy(
        "nucleus", features=FEATURES, hidden_size=hidden_size, width=WIDTH, rngs=nnx.Rngs(seed)
    )
    updates = size["steps"] * options.get("epochs", 1)
    return fit(
        jax.random.key(seed),
        Learned(policy),
        world.checkpoint.model,
        world.checkpoint.params,
        world.train,
        steps=size["steps"],
        batch_size=size["sums"],
        every=size["steps"],
        objective=dataclasses.replace(BASE, samples=size["samples"], **options),
        optimizer=adam(rate, updates),
    ).sampler


def arm(name: str, world: World, seeds: list[int], quick: bool) -> dict[str, Any]:
    """Train an arm with every seed, and return how likely each test sum is solved."""
    rates = RATES[: 1 if quick else None]
    first = {rate: trained(ARMS[name], world, seeds[0], rate, quick) for rate in rates}
    on_val = {
        rate: float(np.mean(at_k(solved(s, world.val), SOLVED.k))) for rate, s in first.items()
    }
    rate = max(on_val, key=lambda rate: on_val[rate])
    begun = time.process_time()
    samplers = [first[rate], *(trained(ARMS[name], world, s, rate, quick) for s in seeds[1:])]
    seconds = (time.process_time() - begun) / (len(seeds) - 1)
    return {
        "rate": rate,
        "on_val": on_val,
        "cpu_s": seconds,
        "right": [solved(sampler, world.test).tolist() for sampler in samplers],
    }


def compared(arms: dict[str, Any], statistics: dict[str, Any]) -> dict[str, Any]:
    """Return the measures of each arm and its differences from the plain one."""
    right_of = {name: np.array(found.pop("right")) for name, found in arms.items()}
    for name, found in arms.items():
        found |= summary(right_of[name])
        if name not in ("plain", "untrained"):
            found["minus_plain"] = {
                f"pass_{k}": contrast(right_of[name], right_of["plain"], k, statistics) for k in KS
            }
    return arms


def shown(arms: dict[str, Any]) -> str:
    """Return a table of the arms."""

    def points(found):
        low, high = found["ci"]
        return f"{found['value']:+.4f} [{low:+.4f}, {high:+.4f}]"

    rows = []
    for name, found in arms.items():
        apart = found.get("minus_plain")
        row = [f"{found[f'pass_{k}']['value']:.4f}" for k in KS]
        row += [points(apart[f"pass_{k}"]) if apart else "-" for k in KS]
        rows.append([name, *row, f"{found['cpu_s']:.0f}" if "cpu_s" in found else "-"])
    names = [f"pass@{k}" for k in KS]
    return table(["arm", *names, *(f"{name} - plain" for name in names), "CPU s"], rows)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="two seeds, two arms, few steps")
    options.add_argument("--out", type=Path, required=True, help="where everything goes")
    given = options.parse_args()
    protocol, before = plan.load(PROTOCOL), environment()
    print(heading(before))
    seeds = protocol["seeds"]["quick" if given.quick else "full"]
    names = QUICK_ARMS if given.quick else tuple(ARMS)
    schedule = QUICK if given.quick else SCHEDULE
    mark = {"schedule": schedule, "rates": list(RATES), "seeds": seeds, "jax": jax.__version__}
    with progress(len(names) + 1) as step:
        step("sums")
        world = build(protocol["data"], given.quick)
        arms = {"untrained": {"right": [solved(chain(), world.test).tolist()]}}
        for name in names:
            step(name)
            path = given.out / "parts" / f"{name}.json"
            here = mark | {"options": {k: x for k, x in ARMS[name].items() if k != "credit"}}
            arms[name] = kept(path, here, lambda name=name: arm(name, world, seeds, given.quick))
    results = {
        "benchmark": "options of the policy gradient",
        "quick": given.quick,
        "schedule": schedule,
        "before": before,
        "load_after": load(),
        "arms": compared(arms, protocol["statistics"]),
    }
    print(f"\n{shown(results['arms'])}\n")
    print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
