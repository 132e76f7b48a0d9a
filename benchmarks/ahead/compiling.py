"""A worker that compiles programs for a device that is not here: `compiling.py v5e|h100`.

One process compiles one program after the other, since the compilers take much memory.
"""

from __future__ import annotations

import functools
import math
import os
import sys
import time
from pathlib import Path

# JAX cannot read back from its cache what it compiled without a device.
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "0"

# The folder of the script is on the path only where the worker is not started in isolation.
BENCHMARKS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS.parent), str(BENCHMARKS.parent / "models")]

from ahead import h100, v5e  # noqa: E402  (they set variables that jax reads)

DEVICES = {"v5e": v5e, "h100": h100}


def facts(target: str, spec: dict) -> dict:
    """Compile what `spec` describes; return what its text and its memory say.

    A spec has `program`, a name of programs.py, and `shape`, (B, V) for a sampler or (B,) for
    decoding. `mesh` is the number of devices that share the batch, and of those that share the
    vocabulary or the model. `decoded` has the arguments of `programs.Decoded.of`.
    """
    from ahead.hlo import Program

    start = time.perf_counter()
    compiled = _lowered(target, spec).compile()
    seconds = time.perf_counter() - start
    text = compiled.as_text()
    if folder := os.environ.get("AHEAD_TEXTS"):  # to look at a program that fails a test
        name = "_".join(str(value) for value in spec.values()).replace(" ", "")
        Path(folder, f"{target}_{name}.txt").write_text(text)
    program, memory = Program(text), compiled.memory_analysis()
    low, high = program.microseconds()
    return {
        "kernels": program.kernels(),
        "all_kernels": program.all_kernels(),
        "us": low,
        "us_most": high,
        "uncosted": program.uncosted(),
        "loops": [loop._asdict() for loop in program.loops()],
        "choices": program.count("conditional"),
        "collectives": program.collectives(),
        "types": sorted(program.types()),
        "results": sorted(set(program.results())),
        "code_mb": memory.generated_code_size_in_bytes / 1e6,
        "aliased": memory.alias_size_in_bytes,
        "arguments": memory.argument_size_in_bytes,
        "peak": memory.peak_memory_in_bytes,
        "seconds": seconds,
    }


def _lowered(target, spec):
    import jax
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from ahead import programs
    from jaxsample_models import shapes, shardings

    sizes = spec.get("mesh", (1, 1))
    devices = DEVICES[target].devices(math.prod(sizes))
    mesh = Mesh(np.array(devices).reshape(sizes), ("data", "model"))

    def placed(like, *axes):
        return _shaped(like, NamedSharding(mesh, PartitionSpec(*axes)))

    B, *V = spec["shape"]
    keys = placed(jax.eval_shape(lambda: jax.random.split(jax.random.key(0), B)), "data")
    name = spec["program"]
    if V:
        logits = placed(jax.ShapeDtypeStruct((B, *V), np.float32), "data", "model")
        if name in programs.PEERS:
            return jax.jit(programs.PEERS[name]).lower(keys, logits)
        draw, sampler = programs.sampler(name)
        return jax.jit(draw).lower(keys, logits, sampler)

    decoded = programs.Decoded.of(**spec.get("decoded", {}))
    wanted = shardings(decoded.config, mesh)
    placed_as = functools.partial(jax.tree.map, _shaped)
    params = placed_as(shapes(decoded.config), wanted.params)
    prompts = placed(jax.ShapeDtypeStruct((B, decoded.prompt), np.int32), "data")
    sampler = programs.SAMPLERS[spec["sampler"]]
    if name in ("generate", "in slots"):
        generate = programs.decoding(name, decoded)
        return jax.jit(generate).lower(keys, params, prompts, sampler)
    prefill = programs.decoding("prefill", decoded)
    begun = jax.eval_shape(prefill, keys, params, prompts, sampler)
    rows = jax.tree.map(lambda like: placed(like, "data"), begun)
    begun = rows._replace(cache=placed_as(begun.cache, wanted.cache))
    step = programs.decoding("step", decoded)
    return jax.jit(step, donate_argnums=1).lower(params, begun, sampler)


def _shaped(like, sharding):
    import jax

    return jax.ShapeDtypeStruct(like.shape, like.dtype, sharding=sharding)


if __name__ == "__main__":
    from harness.worker import serve

    target = sys.argv[1]
    serve(lambda spec: lambda _: facts(target, spec))
