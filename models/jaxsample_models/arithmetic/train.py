"""Training of the model of sums on exact next-token distributions; it needs only `--out DIR`."""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._config import TransformerConfig
from .._saving import save
from .._transformer import bind
from ..stories.train import initial, optimizer
from ._corpus import Corpus, Worked
from ._sums import BOS, EOS, PAD, PROMPT, SOLUTION, VOCABULARY
from ._tokenizer import make_tokenizer

ROWS = 64
"""Sums per step."""
STEPS = 100
"""Steps per compiled call."""


def sum_config() -> TransformerConfig:
    """Return the configuration of the model of sums."""
    return TransformerConfig(
        vocab_size=len(VOCABULARY),
        dim=64,
        layers=4,
        heads=4,
        kv_heads=4,
        head_dim=16,
        mlp_dim=192,
        max_length=32,
    )


def make_call(config: TransformerConfig, corpus: Corpus, steps: int):
    """Compile `STEPS` steps: `(params, state), worked -> (params, state), kl [STEPS]`.

    The arrays of `worked` are `[STEPS, ROWS, ..]`. The loss is KL(truth || model), summed over the
    tokens of solutions and divided by their number. Prompts are only read.
    """
    truth, entropy = jnp.asarray(corpus.truth), jnp.asarray(corpus.entropy)
    adam = optimizer(steps)

    def divergence(params, worked):
        model = bind(config, params)
        texts = jnp.concatenate([worked.prompts, worked.tokens[:, :-1]], axis=1)
        logprobs = jax.nn.log_softmax(model.unembed(model(texts)[0][:, PROMPT - 1 :]))
        cross = jnp.sum(truth[worked.rows] * logprobs, axis=-1)
        return -jnp.mean(cross + entropy[worked.rows])

    def step(carry, worked):
        params, state = carry
        kl, grads = jax.value_and_grad(divergence)(params, worked)
        updates, state = adam.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), kl

    @partial(jax.jit, donate_argnums=0)
    def call(carry, worked):
        return jax.lax.scan(step, carry, worked)

    return call


def train(out: Path, calls: int, seed: int) -> Any:
    """Train for `calls` calls, and return the parameters.

    Writes loss.csv (call, KL, wall and CPU seconds) and training.json to `out`.

    Raises:
        ImportError: rich is not installed.
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError as error:
        raise ImportError("training needs: pip install 'jaxsample[train]'") from error

    corpus, config = Corpus(), sum_config()
    call = make_call(config, corpus, calls * STEPS)
    params = initial(config, jax.random.key(seed))
    carry = params, optimizer(calls * STEPS).init(params)
    begun = np.array([time.perf_counter(), time.process_time()])
    seconds = np.zeros(2)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=Console(stderr=True)) as progress,
        open(out / "loss.csv", "w") as log,
    ):
        bar = progress.add_task("compiling", total=calls)
        for i in range(calls):
            worked = corpus.draw(np.random.default_rng((seed, i)), STEPS * ROWS)
            carry, kl = call(carry, Worked(*(x.reshape(STEPS, ROWS, *x.shape[1:]) for x in worked)))
            loss = float(np.mean(kl))
            seconds = np.array([time.perf_counter(), time.process_time()]) - begun
            print(i, f"{loss:.6f},{seconds[0]:.1f},{seconds[1]:.1f}", sep=",", file=log, flush=True)
            progress.update(bar, advance=1, description=f"KL {loss:.4f} nats per token")
    report = {
        "calls": calls,
        "sums": calls * STEPS * ROWS,
        "tokens": calls * STEPS * ROWS * SOLUTION,
        "steps": calls * STEPS,
        "seed": seed,
        "wall_seconds": round(float(seconds[0])),
        "cpu_seconds": round(float(seconds[1])),
    }
    (out / "training.json").write_text(json.dumps(report, indent=2) + "\n")
    return carry[0]


def export(out: Path, params: Any) -> None:
    """Write a model folder: float16 weights, tokenizer and generation config."""
    ids = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}
    save(
        out,
        sum_config(),
        params,
        dtype="float16",
        tokenizer=make_tokenizer(),
        generation_config=ids,
    )


def main():
    """Train and write the model folder `DIR/weights`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for all files written")
    parser.add_argument("--calls", type=int, default=60, help=f"of {STEPS} steps each")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    params = train(args.out, args.calls, args.seed)
    export(args.out / "weights", params)
    report = (args.out / "training.json").read_text()
    (args.out / "weights" / "training.json").write_text(report)


if __name__ == "__main__":
    main()
