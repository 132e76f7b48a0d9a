"""How the gain of a temperature per token grows with the number of training texts.

    python benchmarks/experiments/likelihood/shares.py --run DIR

DIR is the folder of a finished run of prove.py. The policy `learned` is trained on an eighth, a
quarter, a half and all of the training texts, in the configuration that the run chose and with
about as many updates. It is compared with `fixed_oracle` on the same test texts. DIR/shares.json
gets the gains. No prediction of the plan is about them.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
if not __package__:
    # The folder of this script must not be on the path: its modules may hide installed ones.
    sys.path[0:1] = [str(ROOT), str(ROOT / "models")]

import numpy as np  # noqa: E402

from benchmarks.experiments.learned.inference import interval, per_token  # noqa: E402
from benchmarks.experiments.likelihood import curves, fixed, policies  # noqa: E402
from benchmarks.harness.report import save, table  # noqa: E402

SHARES = 8, 4, 2, 1  # one in so many texts


def gains(
    folder: Path, domain: dict[str, Any], protocol: dict[str, Any], quick: bool
) -> list[dict[str, Any]]:
    """Return how far `learned` is below `fixed_oracle`, nats per token, for each share.

    Args:
        folder: the parts of a domain.
        domain: its results.
        protocol: the whole protocol.
        quick: whether the run was quick.
    """
    train, val, test = (curves.load(folder / f"{part}.npz") for part in ("train", "val", "test"))
    grid = curves.Grid.of(protocol["curves"])
    plan, rung = policies.plan_of(protocol, quick), protocol["rungs"]["learned"]
    config, best = (domain["arms"][arm]["config"] for arm in ("learned", "fixed_oracle"))
    hidden = test.seen.shape[1] - policies.untrained(plan, rung, 1, 0, 0).policy.inputs
    rival = test.per_unit(fixed.surprise_of(best, test, grid, 2))  # V matters for EDT alone
    found = []
    for parts in SHARES:
        some = train.unit < -(-len(train.sizes) // parts)
        few = curves.Curves(*(x[some] for x in train))
        longer = plan | {name: parts * plan[name] for name in ("epochs", "patience")}
        trained = policies.train_rung(longer, rung, config, hidden, few, val, grid)
        rows = [test.per_unit(policies.surprise_of(s, test, grid)) for s in trained.samplers]
        gain = rival - np.array(rows)
        counts = {"texts": len(few.sizes), "tokens": len(few.unit)}
        mean, ci = per_token(gain, test.sizes), interval(gain, test.sizes)
        found.append({**counts, "gain": mean, "ci": ci})
    return found


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--run", type=Path, required=True, help="the folder of a finished run")
    folder = options.parse_args().run
    if not (folder / "results.json").is_file():
        options.error(f"there is no finished run in {folder}; run prove.py first")
    results = json.loads((folder / "results.json").read_text())
    found = {
        name: gains(folder / "parts" / name, domain, results["protocol"], results["quick"])
        for name, domain in results["domains"].items()
    }
    rows = [
        [name, one["texts"], one["tokens"], f"{one['gain']:.4f} [{low:.4f}, {high:.4f}]"]
        for name, each in found.items()
        for one in each
        for low, high in [one["ci"]]
    ]
    print(table(["domain", "texts", "tokens", "gain, nats per token"], rows))
    kept = {"protocol_sha256": results["protocol_sha256"], "domains": found}
    print(f"wrote {save(folder, kept, 'shares.json')}")


if __name__ == "__main__":
    main()
