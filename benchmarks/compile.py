"""The time of compilation: the first token of a fresh process, and every further setting.

    python benchmarks/compile.py [--quick] [--out DIR] [--peer NAME=PYTHON ...]
        [--model 15M] [--repeats 5] [--settings 20]

The first table is about a fresh process that imports jaxsample, makes weights, prefills and draws
one token, without a compilation cache on disk. jax reports the time of tracing, lowering and XLA.

The second table gives 100 settings of temperature, k and p to one jitted sampler. A peer whose
settings are constants of its program compiles for each of them: `jax sort` (sort and categorical,
written in this repository), keras-hub and tunix. Peers get fewer settings, since each costs the
same. benchmarks/sampling.py says how to install them.

The third part calls generate with 100 settings that mix int, float, numpy and jax numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from decoders import retrace
from decoders.models import SHAPES
from harness.hire import interpreters
from harness.options import parser, versions_line
from harness.progress import progress
from harness.report import environment, heading, load, save
from harness.worker import ROOT, WorkerError
from peers.arms import Arms, scratch
from peers.registry import ENVIRONMENTS

PEERS = ("jax sort", "keras-hub", "tunix")
BATCH, VOCABULARY = 1, 32000


def first_token(model: str) -> dict:
    """Run a fresh process; return its laps."""
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "0"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(path)
    script = ROOT / "decoders" / "first_token.py"
    done = subprocess.run(
        [sys.executable, script, model], env=environment, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def settings_of(arms: Arms, folder: Path, settings: int, step) -> dict:
    """Time one setting after another with our sampler and with each peer."""
    path = folder / "logits.npy"
    rng = np.random.default_rng(0)
    np.save(path, rng.standard_normal((BATCH, VOCABULARY)).astype(np.float32))
    step(retrace.OURS)
    found = {retrace.OURS: retrace.sampling(path)}
    prepares = {name: worker.prepare for name, worker in arms.workers.items()}
    for name, prepare in (arms.local | prepares).items():
        step(name)
        try:
            found[name] = retrace.peer(prepare, path, settings)
        except WorkerError as error:
            arms.absent[name] = str(error)
    return found


def parse():
    quick = "one fresh process of a tiny model, few settings, no generate"
    options = parser(__doc__, "compile.png", quick)
    add = options.add_argument
    add("--model", choices=SHAPES, help="the random Llama of the fresh process")
    add("--repeats", type=int, help="fresh processes")
    add("--settings", type=int, help="settings given to a peer")
    given = options.parse_args()
    given.model = given.model or ("tiny" if given.quick else "15M")
    given.repeats = given.repeats or (1 if given.quick else 5)
    given.settings = given.settings or (4 if given.quick else 20)
    return given


def main():
    given = parse()
    before = environment()
    print(heading(before))
    with scratch() as folder, Arms(PEERS, interpreters(given.peer, ENVIRONMENTS)) as arms:
        with progress(given.repeats + 2 + len(arms.local) + len(arms.workers)) as step:
            laps = []
            for _ in range(given.repeats):
                step("a fresh process")
                laps.append(first_token(given.model))
            found = settings_of(arms, Path(folder), given.settings, step)
            step("generate")
            # Two long compilations, which --quick leaves to the tests.
            generated = None if given.quick else retrace.generating()
        for name, reason in arms.absent.items():
            print(f"{name}: {reason}")
        for name, versions in arms.versions.items():
            print(versions_line(name, versions))
    results = {
        "benchmark": "compile",
        "before": before,
        "load_after": load(),
        "model": given.model,
        "shape": (BATCH, VOCABULARY),
        "peers": arms.versions,
        "absent": arms.absent,
        "first_token": laps,
        "settings": found,
        "generate": generated,
    }
    from decoders.show_compile import draw, tables

    print(f"\n{tables(results)}\n\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {save(given.out, results)}")
        print(f"wrote {draw(results, given.out / 'compile.png')}")


if __name__ == "__main__":
    main()
