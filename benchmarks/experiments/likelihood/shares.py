"""How the gain of a temperature per token grows with the number of training texts.

    python benchmarks/experiments/likelihood/shares.py --run DIR

DIR is the folder of a finished run of prove.py. The policy `learned` is trained on an eighth, a
quarter, a half and all of the training texts, in the configuration that the run chose and with
about as many updates. It is compared with `fixed_oracle` on the same test texts. DIR/shares.json
gets the gains. No prediction of the plan is about them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[3]
if not __package__:
    # The folder of this script must not be on the path: its modules may hide installed ones.
    sys.path[0:1] = [str(ROOT), str(ROOT / "models")]

import numpy as np  # noqa: E402

from benchmarks.experiments.learned.inference import interval, per_token  # noqa: E402
from benchmarks.experiments.likelihood import curves, fixed, policies, texts  # noqa: E402
from benchmarks.harness.options import finished  # noqa: E402
from benchmarks.harness.report import save, spanned, table  # noqa: E402

SHARES = 8, 4, 2, 1  # one in so many texts


class Run(NamedTuple):
    """A domain of a finished run: its curves, and how far its learned arm can be trained again.

    Attributes:
        train, val, test: the curves.
        grid: of the curves.
        rival: `[N]` nats, the surprise of the test tokens under `fixed_oracle`.
        learn: trains `learned` on curves with `parts` times the epochs.
    """

    train: curves.Curves
    val: curves.Curves
    test: curves.Curves
    grid: curves.Grid
    rival: np.ndarray
    learn: Callable[[curves.Curves, int], policies.Trained]

    @classmethod
    def of(cls, folder: Path, domain: dict[str, Any], protocol: dict[str, Any], quick: bool) -> Run:
        """Read a domain of a run.

        Args:
            folder: the parts of the domain.
            domain: its results.
            protocol: the whole protocol.
            quick: whether the run was quick.
        """
        train, val, test = (curves.load(folder / f"{part}.npz") for part in texts.PARTS)
        grid = curves.Grid.of(protocol["curves"])
        plan, rung = policies.plan_of(protocol, quick), protocol["rungs"]["learned"]
        config, best = (domain["arms"][arm]["config"] for arm in ("learned", "fixed_oracle"))
        hidden = test.seen.shape[1] - policies.untrained(plan, rung, 1, 0, 0).policy.inputs
        rival = fixed.surprise_of(best, test, grid, 2)  # V matters for EDT alone

        def learn(some: curves.Curves, parts: int) -> policies.Trained:
            longer = plan | {name: parts * plan[name] for name in ("epochs", "patience")}
            return policies.train_rung(longer, rung, config, hidden, some, val, grid)

        return cls(train, val, test, grid, rival, learn)

    def gains(self, trained: policies.Trained) -> np.ndarray:
        """Return how far trained policies are below the rival, nats `[S, N]`."""
        policy = [policies.surprise_of(s, self.test, self.grid) for s in trained.samplers]
        return self.rival - np.array(policy)


def gains(run: Run) -> list[dict[str, Any]]:
    """Return how far `learned` is below `fixed_oracle`, nats per token, for each share."""
    found = []
    for parts in SHARES:
        some = run.train.unit < -(-len(run.train.sizes) // parts)
        few = curves.Curves(*(x[some] for x in run.train))
        gain = np.array([run.test.per_unit(row) for row in run.gains(run.learn(few, parts))])
        counts = {"texts": len(few.sizes), "tokens": len(few.unit)}
        mean, ci = per_token(gain, run.test.sizes), interval(gain, run.test.sizes)
        found.append({**counts, "gain": mean, "ci": ci})
    return found


def main():
    folder, results = finished(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    found = {
        name: gains(Run.of(folder / "parts" / name, domain, results["protocol"], results["quick"]))
        for name, domain in results["domains"].items()
    }
    rows = [
        [name, one["texts"], one["tokens"], spanned(one["gain"], one["ci"])]
        for name, each in found.items()
        for one in each
    ]
    print(table(["domain", "texts", "tokens", "gain, nats per token"], rows))
    kept = {"protocol_sha256": results["protocol_sha256"], "domains": found}
    print(f"wrote {save(folder, kept, 'shares.json')}")


if __name__ == "__main__":
    main()
