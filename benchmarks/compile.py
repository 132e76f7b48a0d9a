"""The time of compilation: of a structure, a fresh process, a further setting, a call outside jit.

    python benchmarks/compile.py [--quick] [--out DIR] [--peer NAME=PYTHON ...]
        [--parts structures,eager] [--model 15M] [--repeats 5] [--settings 20] [--calls 1000]

Only the part `command` uses a cache on disk, an own one. The parts:

    structures  CPU seconds to trace, lower and compile chains, beside a sort with
                `jax.random.categorical`, and `generate`, beside the model's own greedy loop
    eager       a thousand calls outside jit, each with new values: the programs compiled after the
                first call, the growth of the memory maps, and the time beside the jitted call
    command     `jaxsample generate` on its own model until the first token, with an empty cache of
                compiled programs and with the one that it left
    first       a fresh process that imports jaxsample, makes weights, prefills and draws one token
    settings    100 settings of temperature, k and p, given to one jitted sampler
    generate    100 settings that mix int, float, numpy and jax numbers, given to `generate`

A peer whose settings are constants of its program compiles for each of them: `jax sort` (sort and
categorical, written in this repository), keras-hub and tunix. Peers get fewer settings, since each
costs the same. benchmarks/sampling.py says how to install them.
"""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
from compiling import command, eager, retrace, structures
from decoders.models import SHAPES
from harness.child import findings
from harness.hire import interpreters
from harness.options import chosen, parser, versions_line
from harness.progress import progress
from harness.report import environment, heading, load, save
from harness.worker import ROOT, WorkerError
from peers.arms import Arms, scratch
from peers.registry import ENVIRONMENTS

PEERS = ("jax sort", "keras-hub", "tunix")
PARTS = ("structures", "eager", "command", "first", "settings", "generate")
QUICK = ("structures", "eager", "first", "settings")  # the others are left to the tests
BATCH, VOCABULARY = 1, 32000
LONGEST = 600  # seconds of a fresh process


def fresh(script: str, *args) -> dict:
    """Run a script of `compiling/` in a fresh process without a cache; return what it prints."""
    uncached = {"JAX_ENABLE_COMPILATION_CACHE": "0"}
    return list(findings(ROOT / "compiling" / script, args, LONGEST, uncached))[-1]


def structures_of(given, step) -> dict:
    """Compile the samplers and the decoders, each beside its base."""
    samplers = structures.samplers()
    if given.quick:
        samplers = {name: samplers[name] for name in structures.QUICK}
    found = {"samplers": structures.measure(samplers, given.compilations, step)}
    if not given.quick:  # two long compilations
        decoders = structures.decoders(given.model)
        found["decoders"] = structures.measure(decoders, given.compilations, step)
    return found


def eager_of(given, step) -> dict:
    """Run each case of calls outside jit in its own process."""
    found = {}
    for name in eager.QUICK if given.quick else eager.CASES:
        step(f"calls outside jit: {name}")
        found[name] = fresh("eager.py", name, given.calls, given.seconds)
    return found


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
    quick = "few structures, few calls, one fresh process of a tiny model, no generate"
    options = parser(__doc__, "compile.png", quick)
    add = options.add_argument
    add("--parts", help=f"of {', '.join(PARTS)}")
    add("--model", choices=SHAPES, help="the random Llama of the fresh process and of generate")
    add("--compilations", type=int, help="compilations of a structure")
    add("--calls", type=int, help="calls outside jit, at most")
    add("--seconds", type=float, default=60.0, help="seconds for the calls of a case, at most")
    add("--repeats", type=int, help="fresh processes")
    add("--settings", type=int, help="settings given to a peer")
    given = options.parse_args()
    default = QUICK if given.quick else PARTS
    given.parts = chosen(options, given.parts, PARTS) if given.parts else default
    given.model = given.model or ("tiny" if given.quick else "15M")
    given.compilations = given.compilations or (1 if given.quick else 3)
    given.calls = given.calls or (20 if given.quick else 1000)
    given.repeats = given.repeats or (1 if given.quick else 5)
    given.settings = given.settings or (4 if given.quick else 20)
    return given


def measure(given, step, absent: dict) -> tuple[dict, dict]:
    """Measure the parts; return them, and the versions of the peers."""
    found, versions = dict.fromkeys(PARTS), {}
    if "structures" in given.parts:
        found["structures"] = structures_of(given, step)
    if "eager" in given.parts:
        found["eager"] = eager_of(given, step)
    if "command" in given.parts:
        step("jaxsample generate")
        found["command"] = command.measure(given.repeats)
    if "first" in given.parts:
        step("fresh processes")
        laps = [fresh("first_token.py", given.model) for _ in range(given.repeats)]
        found["first"] = laps
    if "settings" in given.parts:
        with scratch() as folder, Arms(PEERS, interpreters(given.peer, ENVIRONMENTS)) as arms:
            found["settings"] = settings_of(arms, Path(folder), given.settings, step)
            absent |= arms.absent
            versions = arms.versions
    if "generate" in given.parts:
        step("generate")
        found["generate"] = retrace.generating()
    return found, versions


def main():
    given = parse()
    jax.config.update("jax_enable_compilation_cache", False)
    before, absent = environment(), {}
    print(heading(before))
    steps = given.compilations * 8 + len(eager.CASES) + len(PEERS) + 4
    with progress(steps) as step:
        found, versions = measure(given, step, absent)
    for name, reason in absent.items():
        print(f"{name}: {reason}")
    for name, packages in versions.items():
        print(versions_line(name, packages))
    results = {
        "benchmark": "compile",
        "before": before,
        "load_after": load(),
        "model": given.model,
        "shape": (BATCH, VOCABULARY),
        "shape_of_structures": structures.SHAPE,
        "shape_of_eager": (eager.BATCH, eager.VOCABULARY),
        "peers": versions,
        "absent": absent,
        **found,
    }
    from compiling.show import draw, tables

    print(f"\n{tables(results)}\n\nload before {before['load']}, after {results['load_after']}")
    if given.out:
        print(f"wrote {save(given.out, results)}")
        picture = draw(results, given.out / "compile.png")
        print(f"wrote {picture}" if picture else "no picture without first and settings")


if __name__ == "__main__":
    main()
