"""How much of the gain on GSM8K is about the notation of its file.

    python benchmarks/experiments/likelihood/notation.py --run DIR

DIR is the folder of a finished run of prove.py with --gsm8k. Solutions there have calculator notes,
such as `<<16-3-4=9>>`, and end with the answer after `####`. The command trains the policy
`learned` again as in the run. It measures the gain over `fixed_oracle` on the tokens of this
notation, and on all others. DIR/notation.json gets the gains. No prediction of the plan is about
them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
if not __package__:
    # The folder of this script must not be on the path: its modules may hide installed ones.
    sys.path[0:1] = [str(ROOT), str(ROOT / "models")]

import numpy as np  # noqa: E402

import jaxsample_models  # noqa: E402
from benchmarks.experiments.learned.inference import interval, per_token  # noqa: E402
from benchmarks.experiments.likelihood.curves import Curves  # noqa: E402
from benchmarks.experiments.likelihood.shares import Run  # noqa: E402
from benchmarks.harness.options import finished  # noqa: E402
from benchmarks.harness.report import save, spanned, table  # noqa: E402

NOTATION = re.compile(r"<<.*?>>|####.*", re.DOTALL)


def noted(tokens: Sequence[int], decode: Callable[[list[int]], str]) -> np.ndarray:
    """Tell which tokens of a text have a character of the notation, `[N]`."""
    pieces = [decode([token]) for token in tokens]
    ends = np.cumsum([len(piece) for piece in pieces])
    begins = ends - [len(piece) for piece in pieces]
    found = np.zeros(len(pieces), bool)
    for match in NOTATION.finditer("".join(pieces)):
        found |= (begins < match.end()) & (ends > match.start())
    return found


def apart(test: Curves, gain: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    """Return the gain per token on some tokens, from `[S, N]` on all."""
    units = np.unique(test.unit[mask], return_inverse=True)[1]
    some = Curves(*(x[mask] for x in test))._replace(unit=units)
    rows = np.array([some.per_unit(row[mask]) for row in gain])
    mean, ci = per_token(rows, some.sizes), interval(rows, some.sizes)
    return {"tokens": int(mask.sum()), "gain": mean, "ci": ci}


def main():
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    folder, results = finished(options)
    domain = results["domains"].get("gsm8k")
    if domain is None:
        options.error(f"the run in {folder} did not read GSM8K")
    run = Run.of(folder / "parts" / "gsm8k", domain, results["protocol"], results["quick"])
    tokenizer = jaxsample_models.load(results["protocol"]["model"]["name"]).tokenizer
    test = run.test
    mask = np.concatenate(
        [noted(test.token[test.unit == i].tolist(), tokenizer.decode) for i in np.unique(test.unit)]
    )
    gain = run.gains(run.learn(run.train, 1))
    found = {
        "all": apart(test, gain, np.ones_like(mask)),
        "notation": apart(test, gain, mask),
        "the rest": apart(test, gain, ~mask),
    }
    rows = [[name, one["tokens"], spanned(one["gain"], one["ci"])] for name, one in found.items()]
    print(table(["tokens", "number", "gain, nats per token"], rows))
    kept = {"protocol_sha256": results["protocol_sha256"], "gsm8k": found}
    print(f"wrote {save(folder, kept, 'notation.json')}")


if __name__ == "__main__":
    main()
