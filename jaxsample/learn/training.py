"""One step of the optimizer, and one look at held-out examples."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsample.decode.model import Model
from jaxsample.kernels.noise import fold_in
from jaxsample.learn.batches import to_device
from jaxsample.learn.bounds import constrain
from jaxsample.learn.likelihood import look
from jaxsample.learn.soften import harden, soften
from jaxsample.transforms.partition import combine


class Forms(NamedTuple):
    """What a step is compiled for."""

    model: Model | None
    objective: Callable
    optimizer: optax.GradientTransformation
    microbatches: int


class Run(NamedTuple):
    """All that training moves: a checkpoint holds it whole.

    Attributes:
        raw: the trainable leaves, without bounds.
        optimizer: the optax state.
        best: the leaves with the least held-out loss so far, and that loss.
        stale: evaluations since then, int32.
    """

    raw: Any
    optimizer: Any
    best: tuple[Any, jax.Array]
    stale: jax.Array


def _rebuilt(raw, sampler, rest, heat):
    return soften(combine(constrain(raw, sampler), rest), heat)


@functools.partial(jax.jit, static_argnums=0)
def train_step(
    forms: Forms,
    sampler: Any,
    rest: Any,
    run: Run,
    batch: Any,
    params: Any,
    key: jax.Array,
    sharpness: Any,
) -> tuple[Run, jax.Array]:
    """Move the trainable leaves once; returns the loss per token from before the move too.

    Args:
        forms: static.
        sampler: whose fields declare the bounds.
        rest: its leaves that do not train.
        run: what training has moved so far.
        batch: checked examples; split into microbatches, of which one at a time is in memory.
        params: of the model.
        key: of this step, for objectives that draw.
        sharpness: of soft filters.
    """
    model, objective, optimizer, parts = forms

    def loss(raw, part, key):
        total, count = objective(_rebuilt(raw, sampler, rest, sharpness), part, key, model, params)
        return total, count

    def add(carry, x):
        (total, count), grads = jax.value_and_grad(loss, has_aux=True)(run.raw, *x)
        return jax.tree.map(jnp.add, carry, (total, jnp.float32(count), grads)), None

    split = jax.tree.map(lambda x: x.reshape(parts, x.shape[0] // parts, *x.shape[1:]), batch)
    keys = fold_in(jnp.broadcast_to(key, (parts,)), jnp.arange(parts))
    zero = jnp.float32(0.0), jnp.float32(0.0), jax.tree.map(jnp.zeros_like, run.raw)
    (total, count, grads), _ = jax.lax.scan(add, zero, (split, keys))
    count = jnp.maximum(count, 1.0)
    grads = jax.tree.map(lambda g: g / count, grads)
    updates, state = optimizer.update(grads, run.optimizer, run.raw)
    raw = optax.apply_updates(run.raw, updates)
    return run._replace(raw=raw, optimizer=state), total / count


@functools.partial(jax.jit, static_argnums=0)
def _measure(forms, sampler, rest, raw, batch, params, key, heat):
    model, objective = forms[:2]
    now = _rebuilt(raw, sampler, rest, heat)
    # What an objective is worth is not always what its gradient is taken of.
    total, count = getattr(objective, "value", objective)(now, batch, key, model, params)
    texts = batch.texts
    live = jnp.arange(texts.tokens.shape[1]) < texts.token_lengths[:, None]
    heats = look(harden(now), texts, model, params).temperature
    told = live & ~jnp.isnan(heats)
    return total, count, jnp.sum(jnp.where(told, heats, 0.0)), jnp.sum(told)


def evaluate(
    forms: Forms,
    sampler: Any,
    rest: Any,
    run: Run,
    held_out: Any,
    params: Any,
    key: jax.Array,
    sharpness: float,
    batch_size: int,
) -> tuple[Run, dict[str, float]]:
    """Measure the objective on all held-out examples, and keep the leaves if it was never less.

    Returns:
        The run, and the loss per token with the mean temperature.
    """
    sums = np.zeros(4)
    count = len(held_out.tokens)
    for start in range(0, count, batch_size):
        part = to_device(held_out[start : start + batch_size])
        # The same noise every time, so that an objective that draws compares like with like.
        seed = fold_in(fold_in(key, 2**31 - 1), start)
        seen = _measure(forms, sampler, rest, run.raw, part, params, seed, np.float32(sharpness))
        sums += [float(x) for x in seen]
    loss = float(sums[0] / max(sums[1], 1.0))
    better = loss < float(run.best[1])
    best = (run.raw, jnp.float32(loss)) if better else run.best
    run = run._replace(best=best, stale=jnp.int32(0) if better else run.stale + 1)
    temperature = float(sums[2] / sums[3]) if sums[3] else float("nan")
    return run, {"held_out": loss, "temperature": temperature}
