"""A test of how much likelihood a temperature per token gains on texts of another domain.

    python benchmarks/experiments/likelihood/prove.py --out DIR --shakespeare FILE --gsm8k FILE
    python benchmarks/experiments/likelihood/prove.py --out DIR --quick

The plan is fixed in protocol.toml. DIR/results.json has, under domains.NAME, the surprise of the
test texts for every arm with its interval, the differences of the learned arm from the others, and
the verdict on the prediction. The model's outputs and every finished arm are kept in DIR/parts,
and an interrupted run resumes from there. A part that was measured under another protocol, another
source or another --quick is measured again. --quick takes the embedded story model and stories of
another style; a domain without its file is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
if not __package__:
    # The folder of this script must not be on the path: its modules may hide installed ones.
    sys.path[0:1] = [str(ROOT), str(ROOT / "models")]

import jax  # noqa: E402

import jaxsample_models  # noqa: E402
from benchmarks.experiments.learned import protocol as plan  # noqa: E402
from benchmarks.experiments.likelihood import arms, curves, policies, texts  # noqa: E402
from benchmarks.experiments.likelihood.report import report, tables  # noqa: E402
from benchmarks.harness.kept import kept, writable  # noqa: E402
from benchmarks.harness.progress import progress  # noqa: E402
from benchmarks.harness.report import environment, heading, load, save  # noqa: E402

PROTOCOL = Path(__file__).with_name("protocol.toml")
SOURCES = ("shakespeare", "gsm8k")


def domain_results(name, source, checkpoint, protocol, quick, out, mark, step) -> dict[str, Any]:
    """Read a domain and measure its arms; what is kept in `out` is not measured again.

    Args:
        name: of the domain.
        source: its file, or None.
        checkpoint: the model.
        protocol: the whole protocol.
        quick: fewer seeds, configurations and epochs.
        out: a folder.
        mark: what identifies the run; kept parts with another mark are measured again.
        step: is called with a description of each piece of work.
    """
    parts = texts.build(name, source, checkpoint, protocol["domains"][name])
    grid = curves.Grid.of(protocol["curves"])
    size, first = checkpoint.config.dim, protocol["policy"]
    policy = policies.untrained(first, protocol["rungs"]["instance"], 1, size, 0)

    def said(part):
        path = out / f"{part}.npz"

        def make():
            words = f"{name}: read {part}"
            found = curves.read(checkpoint, parts[part], policy, grid, lambda: step(words))
            curves.save(path, found)
            return {"tokens": len(found.unit)}

        if not path.exists():
            (out / f"{part}.json").unlink(missing_ok=True)
        kept(out / f"{part}.json", mark, make)
        return curves.load(path)

    read = {part: said(part) for part in texts.PARTS}
    domain = arms.Domain(checkpoint, protocol, quick, grid, parts["test"], **read)

    def arm(label, make):
        step(f"{name}: {label}")
        return kept(out / f"arm_{label}.json", mark, make)

    def told(words):
        step(f"{name}: {words}")

    found = arm("known", lambda: arms.known(domain))
    found["learned"] = arm("learned", lambda: arms.learned(domain, told))
    config = found["learned"]["config"]
    for rung in protocol["rungs"]:
        if rung not in found:
            found[rung] = arm(rung, lambda rung=rung: arms.rung(domain, rung, config))
    weights = found["learned"]["parameters"]
    found["low_rank"] = arm("low_rank", lambda: arms.rival(domain, weights, told))
    return {"arms": found, "sizes": read["test"].sizes.tolist()}


def parse():
    options = argparse.ArgumentParser(description="the gain of a temperature per token")
    options.add_argument("--quick", action="store_true", help="the embedded model, short runs")
    options.add_argument("--out", type=Path, required=True, help="where everything goes")
    for name in SOURCES:
        options.add_argument(f"--{name}", type=Path, metavar="FILE", help="a text file")
    given = options.parse_args()
    sources = {n: path for n in SOURCES if (path := getattr(given, n)) is not None}
    for path in sources.values():
        if not path.is_file():
            options.error(f"there is no {path}")
    if not sources and not given.quick:
        options.error("name the file of a domain: --shakespeare FILE, --gsm8k FILE")
    return given, {"stories": None} if given.quick else sources


def main():
    given, sources = parse()
    protocol, before = plan.load(PROTOCOL), environment()
    print(heading(before))
    checkpoint = (
        jaxsample_models.embedded()
        if given.quick
        else jaxsample_models.load(protocol["model"]["name"])
    )
    mark = {"protocol": plan.digest(PROTOCOL), "quick": given.quick, "jax": jax.__version__}
    domains = {}
    with progress(_steps(sources, protocol, given.quick)) as step:
        for name, path in sources.items():
            digest = path and hashlib.sha256(path.read_bytes()).hexdigest()
            domains[name] = domain_results(
                name,
                path,
                checkpoint,
                protocol,
                given.quick,
                given.out / "parts" / name,
                mark | {"source": digest},
                step,
            )
    results = {
        "benchmark": "likelihood of a temperature per token",
        "protocol_sha256": plan.digest(PROTOCOL),
        "protocol": protocol,
        "quick": given.quick,
        "before": before,
        "load_after": load(),
        **report(domains, protocol),
    }
    print(f"\n{tables(results)}\n")
    print(f"wrote {save(given.out, writable(results))}")


def _steps(sources, protocol, quick):
    """Return about how many steps the progress bar has."""
    each = len(protocol["rungs"]) + 2 + len(protocol["policy"]["configurations"])
    each += len(protocol["low_rank"]["configurations"]) * protocol["low_rank"]["epochs"]
    count = sum(protocol["domains"][name][part] for name in sources for part in texts.PARTS)
    return count // curves.TEXTS + len(sources) * each


if __name__ == "__main__":
    main()
