"""What sampling adds to a decode step: generate against the bare jitted model step.

A 15M-parameter Llama with random weights, B = 8, V = 32000, top-k 50 and top-p 0.9. Prints the
median time of a token inside `generate` over the median time of the model's own step, from one run
in which the two take turns.

    python benchmarks/decode_overhead.py [--quick] [--out DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path

import jax
import jax.numpy as jnp

from jaxsample import TopK, TopP, chain, generate
from jaxsample_models import TransformerConfig, as_model, init

B, V, PROMPT = 8, 32000, 16
LLAMA_15M = TransformerConfig(
    vocab_size=V,
    dim=288,
    layers=6,
    heads=6,
    kv_heads=6,
    head_dim=48,
    mlp_dim=768,
    max_length=256,
)


def model_loop(model, steps):
    """Return a jitted loop of the model's own steps: unembed, a plain argmax, apply."""

    @jax.jit
    def loop(params, prompts):
        positions = jnp.broadcast_to(jnp.arange(PROMPT), prompts.shape)
        cache = model.init_cache(B, PROMPT + steps)
        output = model.apply(params, prompts, positions, cache)

        def body(carry, position):
            cache, hidden = carry
            tokens = jnp.argmax(model.unembed(params, hidden), axis=-1).astype(jnp.int32)
            output = model.apply(params, tokens[:, None], jnp.full((B, 1), position), cache)
            return (output.cache, output.hidden[:, -1]), tokens

        start = output.cache, output.hidden[:, -1]
        return jax.lax.scan(body, start, PROMPT + jnp.arange(steps))[1]

    return loop


def measure(runs, steps):
    """Time the arms in turn; return the seconds per token of each run."""
    model = as_model(LLAMA_15M)
    params = init(LLAMA_15M, jax.random.key(0))
    prompts = jnp.ones((B, PROMPT), jnp.int32)
    loop = model_loop(model, steps)
    arms = {"model step": lambda key: loop(params, prompts)}
    cheap = ("logprobs", "model_logprobs", "entropy", "kept")
    for name, sampler, record in [
        ("generate, plain, no records", chain(), ()),
        ("generate, top-k 50 + top-p 0.9, no records", chain(TopK(50), TopP(0.9)), ()),
        ("generate, top-k 50 + top-p 0.9, cheap records", chain(TopK(50), TopP(0.9)), cheap),
    ]:
        arms[name] = lambda key, sampler=sampler, record=record: (
            generate(
                key, model, params, prompts, sampler, max_new_tokens=steps, record=record
            ).tokens
        )
    times = {name: [] for name in arms}
    for i in range(runs + 1):
        for name, arm in arms.items():
            key = jax.random.key(i)
            start = time.perf_counter()
            jax.block_until_ready(arm(key))
            if i:  # the first round compiles
                times[name].append((time.perf_counter() - start) / steps)
    return sum(x.size for x in jax.tree.leaves(params)), times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two runs of 16 tokens")
    parser.add_argument("--out", type=Path, default=None, help="where results.json goes")
    arguments = parser.parse_args()
    runs, steps = (2, 16) if arguments.quick else (15, 64)
    load = os.getloadavg()[0]
    parameters, times = measure(runs, steps)

    base = statistics.median(times["model step"])
    device = jax.devices()[0]
    print(
        f"decode step: {parameters / 1e6:.1f}M parameters, B={B}, V={V}, {runs} runs of {steps} "
        f"tokens; jax {jax.__version__}, {device.device_kind}, {os.cpu_count()} cores, "
        f"load before {load:.1f}"
    )
    print(f"{'arm':<48} {'median ms':>10} {'min':>7} {'max':>7} {'ratio':>6}")
    for name, values in times.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        ratio = middle / base
        print(
            f"{name:<48} {middle * 1e3:>10.2f} {low * 1e3:>7.2f} {high * 1e3:>7.2f} {ratio:>6.2f}"
        )
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        results = {
            "times_s_per_token": times,
            "parameters": parameters,
            "batch": B,
            "vocabulary": V,
            "jax": jax.__version__,
            "python": platform.python_version(),
            "device": device.device_kind,
            "load_before": load,
        }
        (arguments.out / "results.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
