"""Training of the story model on exact next-token distributions; it needs only `--out DIR`.

A second run with the same arguments resumes from the last checkpoint. The seed and the number of
the call determine the stories, so a resumed run sees the stories of an uninterrupted one.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from .._config import TransformerConfig
from .._saving import save
from .._transformer import bind, init
from ._compiler import BOS, EOS, PAD
from ._corpus import Corpus, Stories
from ._grammar import Grammar
from ._tokenizer import make_tokenizer
from ._totals import expected, lengths

ROWS = 8
"""Stories per step; small batches learn more from each token."""
STEPS = 32
"""Steps per compiled call."""
RATE = 3e-3
WARMUP = 100
SAVE_EVERY = 20
"""Calls from one checkpoint to the next."""


class Run(NamedTuple):
    """The contents of a checkpoint.

    Attributes:
        params: the parameters of the transformer.
        optimizer: the optax state.
        seconds: float32 `[2]`, wall time and CPU time of training.
        tokens: int32, the number of tokens seen, without padding.
    """

    params: Any
    optimizer: Any
    seconds: np.ndarray
    tokens: np.ndarray


def story_config(grammar: Grammar) -> TransformerConfig:
    """Return the configuration of the story model."""
    return TransformerConfig(
        vocab_size=grammar.vocab_size,
        dim=128,
        layers=4,
        heads=4,
        kv_heads=2,
        head_dim=32,
        mlp_dim=384,
        max_length=128,
    )


def initial(config: TransformerConfig, key: jax.Array) -> Any:
    """Draw initial parameters with layers that add nothing to the residual stream.

    To repeat a word, its embedding must reach the head unchanged. With random layers on top of it,
    the model needs several times as many tokens to learn facts.
    """
    params = init(config, key)
    for layer in params["layers"].values():
        for part in (layer["attention"]["out"], layer["mlp"]["down"]):
            part["kernel"] = jnp.zeros_like(part["kernel"])
    params["embed"] *= config.dim**-0.5 / jnp.std(params["embed"])
    return params


def optimizer(steps: int) -> optax.GradientTransformation:
    """Return Adam; its rate rises over `WARMUP` steps and falls to 0 in the second half."""
    hold = steps // 2
    rise = optax.linear_schedule(0.0, RATE, WARMUP)
    fall = optax.linear_schedule(RATE, 0.0, steps - hold)
    rate = optax.join_schedules([rise, fall], [hold])
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate, b2=0.99))


def make_call(config: TransformerConfig, corpus: Corpus, steps: int, mesh: jax.sharding.Mesh):
    """Compile `STEPS` steps: `(params, state), (tokens, rows) -> (params, state), kl [STEPS]`.

    Batches are `[STEPS, ROWS, ..]`, with rows split over the devices of `mesh`. The loss is
    KL(truth || model) summed over tokens: the cross-entropy against the exact distribution minus
    its entropy.
    """
    truth, entropy = jnp.asarray(corpus.truth), jnp.asarray(corpus.entropy)
    scale = ROWS * expected(corpus.grammar, lambda state: 1.0)
    adam = optimizer(steps)

    def divergence(params, tokens, rows):
        model = bind(config, params)
        hidden, _ = model(tokens[:, :-1])
        logprobs = jax.nn.log_softmax(model.unembed(hidden))
        return -(jnp.sum(truth[rows] * logprobs) + jnp.sum(entropy[rows])) / scale

    def step(carry, batch):
        params, state = carry
        local = jax.tree.map(lambda x: jax.lax.pcast(x, "rows", to="varying"), params)
        kl, grads = jax.value_and_grad(divergence)(local, *batch)
        # One sum over devices per step, so that their threads synchronise only once.
        flat, unflatten = ravel_pytree((kl, grads))
        kl, grads = unflatten(jax.lax.psum(flat, "rows"))
        updates, state = adam.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), kl

    @partial(jax.jit, donate_argnums=0)
    @partial(jax.shard_map, mesh=mesh, in_specs=(P(), P(None, "rows")), out_specs=(P(), P()))
    def call(carry, batches):
        return jax.lax.scan(step, carry, batches)

    return call


def draw_batches(corpus: Corpus, seed: int, call: int) -> Stories:
    """Draw the stories of one call, arrays `[STEPS, ROWS, ..]`."""
    stories = corpus.draw(np.random.default_rng((seed, call)), STEPS * ROWS)
    return Stories(*(x.reshape(STEPS, ROWS, -1) for x in stories))


def train(out: Path, tokens: int, seed: int, devices: int) -> Any:
    """Train for about `tokens` tokens and return the parameters.

    Writes checkpoints, loss.csv (call, tokens, KL, wall and CPU seconds) and training.json to
    `out`, and resumes from the last checkpoint there.

    Raises:
        ImportError: orbax or rich is not installed.
    """
    try:
        import orbax.checkpoint as ocp
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError as error:
        raise ImportError("training needs: pip install 'jaxsample[train]'") from error

    grammar = Grammar()
    corpus = Corpus(grammar, lengths(grammar)[1] - 1)
    config = story_config(grammar)
    calls = round(tokens / expected(grammar, lambda state: 1.0) / (STEPS * ROWS))
    used = jax.devices()[:devices]
    mesh = jax.make_mesh((len(used),), ("rows",), devices=used)
    call = make_call(config, corpus, calls * STEPS, mesh)
    split = NamedSharding(mesh, P(None, "rows"))

    params = initial(config, jax.random.key(seed))
    state = optimizer(calls * STEPS).init(params)
    run = Run(params, state, np.zeros(2, np.float32), np.zeros((), np.int32))
    run = jax.device_put(run, NamedSharding(mesh, P()))
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    options = ocp.CheckpointManagerOptions(max_to_keep=2)
    with (
        ocp.CheckpointManager(out.absolute() / "checkpoints", options=options) as manager,
        ThreadPoolExecutor(1) as pool,
        Progress(*columns, console=Console(stderr=True)) as progress,
        open(out / "loss.csv", "a") as log,
    ):
        first = manager.latest_step() or 0
        if first:
            run = manager.restore(first, args=ocp.args.StandardRestore(run))
        carry, seconds, seen = run[:2], np.asarray(run.seconds), int(run.tokens)
        bar = progress.add_task("compiling", total=calls, completed=first)
        ahead = pool.submit(draw_batches, corpus, seed, first)
        for i in range(first, calls):
            clock = np.array([time.perf_counter(), time.process_time()])
            batch = ahead.result()
            ahead = pool.submit(draw_batches, corpus, seed, i + 1)
            carry, kl = call(carry, jax.device_put((batch.tokens, batch.rows), split))
            loss = float(np.mean(kl))
            seconds = seconds + np.array([time.perf_counter(), time.process_time()]) - clock
            seen += int(np.sum(batch.kinds >= 0))
            print(i, seen, f"{loss:.5f},{seconds[0]:.1f},{seconds[1]:.1f}", sep=",", file=log)
            log.flush()
            progress.update(bar, advance=1, description=f"KL {loss:.4f} nats per token")
            if (i + 1) % SAVE_EVERY == 0 or i + 1 == calls:
                params, state = carry
                kept = Run(params, state, seconds.astype(np.float32), np.asarray(seen, np.int32))
                manager.save(i + 1, args=ocp.args.StandardSave(kept))
        manager.wait_until_finished()
    report = {
        "budget": tokens,
        "tokens": seen,
        "stories": calls * STEPS * ROWS,
        "steps": calls * STEPS,
        "seed": seed,
        "wall_seconds": round(float(seconds[0])),
        "cpu_seconds": round(float(seconds[1])),
    }
    (out / "training.json").write_text(json.dumps(report, indent=2) + "\n")
    return carry[0]


def export(out: Path, params: Any) -> None:
    """Write a model folder: float16 weights, tokenizer and generation config."""
    grammar = Grammar()
    ids = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}
    save(
        out,
        story_config(grammar),
        params,
        dtype="float16",
        tokenizer=make_tokenizer(grammar),
        generation_config=ids,
    )


def main():
    """Train and write the model folder `DIR/weights`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for all files written")
    parser.add_argument("--tokens", type=float, default=3e6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--devices", type=int, default=2 if (os.cpu_count() or 1) > 1 else 1)
    args = parser.parse_args()
    if os.environ.get("JAX_PLATFORMS", "cpu") == "cpu":
        # Two single-threaded devices do twice the work of one that splits each small matmul.
        jax.config.update("jax_num_cpu_devices", args.devices)
    args.out.mkdir(parents=True, exist_ok=True)
    params = train(args.out, int(args.tokens), args.seed, args.devices)
    export(args.out / "weights", params)
    report = (args.out / "training.json").read_text()
    (args.out / "weights" / "training.json").write_text(report)


if __name__ == "__main__":
    main()
