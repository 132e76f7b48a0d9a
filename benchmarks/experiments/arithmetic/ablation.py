"""The gain of each option of the policy gradient over plain REINFORCE, in the world of sums.

    python benchmarks/experiments/arithmetic/ablation.py --out DIR [--quick]

The plan is fixed in ablation.toml. Every arm trains the same policy per token towards pass@8, on
the same number of drawn texts. It takes the learning rate that is best on val with the first seed.

DIR/results.json has the exact pass@1 and pass@8 on held-out sums of each arm, the differences from
the plain arm with 95% intervals over seeds and sums and p-values after Holm's correction, and the
CPU seconds of training. Finished arms are kept in DIR/parts, and a run that was cut off resumes
from there.
"""

from __future__ import annotations

import argparse
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

from benchmarks.experiments.arithmetic.measures import KS, at_k, contrast, summary  # noqa: E402
from benchmarks.experiments.arithmetic.policies import LENGTH, schedule  # noqa: E402
from benchmarks.experiments.arithmetic.world import World, build, mark_of, rows, solved  # noqa: E402
from benchmarks.experiments.learned import protocol as plan  # noqa: E402
from benchmarks.experiments.learned.ladder import adam  # noqa: E402
from benchmarks.harness.kept import kept  # noqa: E402
from benchmarks.harness.progress import progress  # noqa: E402
from benchmarks.harness.report import environment, heading, load, save, spanned, table  # noqa: E402
from jaxsample import chain  # noqa: E402
from jaxsample.learn import (  # noqa: E402
    Credit,
    Group,
    Learned,
    PassAtK,
    Policy,
    PolicyGradient,
    fit,
)
from jaxsample.study import holm  # noqa: E402
from jaxsample_models.arithmetic import EOS, Chances, right  # noqa: E402

PROTOCOL = Path(__file__).with_name("ablation.toml")


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
CREDITS = {"plain": plain, "leave one out": SOLVED, "standardised": standardised}


def objective(options: dict[str, Any], samples: int) -> PolicyGradient:
    """Return the objective of an arm of the plan."""
    others = {name: x for name, x in options.items() if name != "credit"}
    return PolicyGradient(CREDITS[options["credit"]], samples, LENGTH, (EOS,), **others)


def trained(
    options: dict[str, Any], world: World, seed: int, rate: float, protocol: Any, quick: bool
) -> Learned:
    """Train one policy."""
    size, network = schedule(protocol, quick), protocol["policy"]
    policy = Policy(
        network["head"],
        features=tuple(network["features"]),
        hidden_size=world.checkpoint.config.dim,
        width=network["width"],
        rngs=nnx.Rngs(seed),
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
        objective=objective(options, size["samples"]),
        optimizer=adam(rate, updates),
    ).sampler


def arm(options: dict[str, Any], world: World, protocol: Any, quick: bool) -> dict[str, Any]:
    """Train an arm with every seed; return the probability that each test sum is solved."""
    seeds = protocol["seeds"]["quick" if quick else "full"]
    rates = protocol["training"]["rates"][: 1 if quick else None]

    def after(seed, rate):
        return trained(options, world, seed, rate, protocol, quick)

    first = {rate: after(seeds[0], rate) for rate in rates}
    on_val = {
        rate: float(np.mean(at_k(solved(s, world.val).right, max(KS)))) for rate, s in first.items()
    }
    rate = max(on_val, key=lambda rate: on_val[rate])
    begun = time.process_time()
    samplers = [first[rate], *(after(seed, rate) for seed in seeds[1:])]
    seconds = (time.process_time() - begun) / (len(seeds) - 1)
    found = {"rate": rate, "on_val": on_val, "cpu_s": seconds}
    return found | listed([solved(sampler, world.test) for sampler in samplers])


def listed(found: list[Chances]) -> dict[str, Any]:
    """Return the chances of each seed for JSON."""
    return {name: np.array(some).tolist() for name, some in rows(found).items()}


def compared(arms: dict[str, Any], statistics: dict[str, Any]) -> dict[str, Any]:
    """Return the measures of each arm and its differences from the plain one."""
    right_of, missed_of = (
        {name: np.array(found.pop(of)) for name, found in arms.items()} for of in Chances._fields
    )
    family = []
    for name, found in arms.items():
        found |= summary(right_of[name], missed_of[name])
        if name not in ("plain", "untrained"):
            found["minus_plain"] = {
                f"pass_{k}": contrast(right_of[name], right_of["plain"], k, statistics) for k in KS
            }
            family += found["minus_plain"].values()
    for apart, p in zip(family, holm([apart["p"] for apart in family]), strict=True):
        apart["p_holm"] = float(p)
    return arms


def shown(arms: dict[str, Any]) -> str:
    """Return a table of the arms."""

    def points(found):
        return f"{spanned(found['value'], found['ci'], '+.4f')} p {found['p_holm']:.3f}"

    rows = []
    for name, found in arms.items():
        apart = found.get("minus_plain")
        row = [f"{found[f'pass_{k}']['value']:.4f}" for k in KS]
        row += [points(apart[f"pass_{k}"]) if apart else "-" for k in KS]
        rows.append([name, *row, f"{found['cpu_s']:.0f}" if "cpu_s" in found else "-"])
    names = [f"pass@{k}" for k in KS]
    return table(["arm", *names, *(f"{name} - plain" for name in names), "CPU s"], rows)


def main():
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--quick", action="store_true", help="two seeds, two arms, few steps")
    options.add_argument("--out", type=Path, required=True, help="where everything goes")
    given = options.parse_args()
    protocol, before = plan.load(PROTOCOL), environment()
    print(heading(before))
    names = protocol["quick"]["arms"] if given.quick else list(protocol["arms"])
    mark = mark_of(PROTOCOL, given.quick)
    with progress(len(names) + 1) as step:
        step("sums")
        world = build(protocol["data"], given.quick)
        arms = {"untrained": listed([solved(chain(), world.test)])}
        for name in names:
            step(name)
            options = protocol["arms"][name]
            arms[name] = kept(
                given.out / "parts" / f"{name}.json",
                mark | {"options": options},
                lambda options=options: arm(options, world, protocol, given.quick),
            )
    results = {
        "benchmark": "options of the policy gradient",
        "protocol_sha256": mark["protocol"],
        "weights_sha256": mark["weights"],
        "protocol": protocol,
        "quick": given.quick,
        "before": before,
        "load_after": load(),
        "arms": compared(arms, protocol["statistics"]),
    }
    print(f"\n{shown(results['arms'])}\n")
    print(f"wrote {save(given.out, results)}")


if __name__ == "__main__":
    main()
