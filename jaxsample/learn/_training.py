"""One step of the optimizer, and one look at held-out examples."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsample.decode._model import Model
from jaxsample.kernels._noise import fold_in
from jaxsample.learn._bounds import constrain
from jaxsample.learn._likelihood import observe_examples
from jaxsample.learn._soften import harden, soften
from jaxsample.transforms.contract._partition import combine


class Forms(NamedTuple):
    """What a step is compiled for."""

    model: Model | None
    objective: Callable
    optimizer: optax.GradientTransformation


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


def train_step(
    forms: Forms,
    sampler: Any,
    rest: Any,
    run: Run,
    parts: Iterable[Any],
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
        parts: the microbatches, checked examples; one at a time is in memory.
        params: of the model.
        key: of this step, for objectives that draw.
        sharpness: of soft filters.
    """
    sums: Any = jnp.float32(0.0), jnp.float32(0.0), jax.tree.map(jnp.zeros_like, run.raw)
    # Calls, not a scan: XLA on the CPU runs a loop's body on one thread.
    for i, part in enumerate(parts):
        seed = fold_in(key, i)
        sums = _add(forms, sampler, rest, run.raw, sums, part, params, seed, sharpness)
    return _move(forms, run, sums)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=4)
def _add(forms, sampler, rest, raw, sums, part, params, key, sharpness):
    def loss(raw):
        now = _rebuilt(raw, sampler, rest, sharpness)
        return forms.objective(now, part, key, forms.model, params)

    (total, count), grads = jax.value_and_grad(loss, has_aux=True)(raw)
    return jax.tree.map(jnp.add, sums, (total, jnp.float32(count), grads))


@functools.partial(jax.jit, static_argnums=0)
def _move(forms, run, sums):
    total, count, grads = sums
    count = jnp.maximum(count, 1.0)
    grads = jax.tree.map(lambda g: g / count, grads)
    updates, state = forms.optimizer.update(grads, run.optimizer, run.raw)
    return run._replace(raw=optax.apply_updates(run.raw, updates), optimizer=state), total / count


@functools.partial(jax.jit, static_argnums=0)
def _measure(forms, sampler, rest, raw, batch, params, key, heat):
    model, objective = forms.model, forms.objective
    now = _rebuilt(raw, sampler, rest, heat)
    # What an objective is worth is not always what its gradient is taken of.
    total, count = getattr(objective, "value", objective)(now, batch, key, model, params)
    texts = batch.texts
    live = jnp.arange(texts.tokens.shape[1]) < texts.token_lengths[:, None]
    heats = observe_examples(harden(now), texts, model, params).temperature
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
        part = jax.tree.map(jnp.asarray, held_out[start : start + batch_size])
        # The same noise every time, so that an objective that draws compares like with like.
        seed = fold_in(fold_in(key, 2**31 - 1), start)
        seen = _measure(forms, sampler, rest, run.raw, part, params, seed, np.float32(sharpness))
        sums += [float(x) for x in seen]
    loss = float(sums[0] / max(sums[1], 1.0))
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"the held-out loss is {loss}: it holds a NaN, or texts that the sampler cannot produce"
        )
    better = loss < float(run.best[1])
    best = (run.raw, jnp.float32(loss)) if better else run.best
    run = run._replace(best=best, stale=jnp.int32(0) if better else run.stale + 1)
    temperature = float(sums[2] / sums[3]) if sums[3] else float("nan")
    return run, {"held_out": loss, "temperature": temperature}
