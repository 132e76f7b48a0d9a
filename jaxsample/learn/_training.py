"""One step of the optimizer, and one evaluation on held-out examples."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsample.decode._model import Model
from jaxsample.learn._batches import parts, step_key
from jaxsample.learn._hosts import by_rows
from jaxsample.learn._likelihood import observe_examples
from jaxsample.learn._parameters import parameters, with_parameters
from jaxsample.learn._soften import harden

CAUSES = (
    "look for a NaN in the examples, the model or the sampler, or for texts that the sampler "
    "cannot produce"
)
HELD_OUT = 2**31 - 1  # folded into the key of an evaluation


class Forms(NamedTuple):
    """The static arguments of a step."""

    model: Model | None
    objective: Any
    optimizer: optax.GradientTransformation


class Run(NamedTuple):
    """The state of training; a checkpoint holds all of it.

    Attributes:
        raw: the trainable leaves as unconstrained numbers; see `parameters`.
        optimizer: the optax state.
        best: the leaves with the least held-out loss so far, and that loss.
        stale: the number of evaluations since then, int32.
    """

    raw: Any
    optimizer: Any
    best: tuple[Any, jax.Array]
    stale: jax.Array


@functools.partial(jax.jit, static_argnums=0)
def start(optimizer: optax.GradientTransformation, sampler: Any) -> Run:
    """Return the run before the first step."""
    raw = parameters(sampler)
    with _as_optax_needs():
        state = optimizer.init(raw)
    return Run(raw, state, (raw, jnp.float32(jnp.inf)), jnp.int32(0))


@jax.jit
def finish(sampler: Any, raw: Any, sharpness: jax.Array) -> Any:
    """Return the trained sampler, with hard filters."""
    return harden(with_parameters(sampler, raw, sharpness))


def train_step(
    forms: Forms,
    sampler: Any,
    run: Run,
    parts: Iterable[Any],
    params: Any,
    key: jax.Array,
    sharpness: jax.Array,
) -> tuple[Run, jax.Array]:
    """Update the trainable leaves, and return the loss per token before the update.

    There is one update, or one for each epoch of an objective that learns from the same texts
    several times.

    Args:
        forms: static.
        sampler: the sampler as it was before training.
        run: the state of training.
        parts: the microbatches, checked examples; one at a time is in memory.
        params: of the model.
        key: of this step, for objectives that draw.
        sharpness: of soft filters.
    """
    epochs = getattr(forms.objective, "epochs", 1)
    if epochs > 1:
        parts = [
            _draw(forms, sampler, run.raw, part, params, step_key(key, i), sharpness)
            for i, part in enumerate(parts)
        ]
    losses = []
    for epoch in range(epochs):
        sums = _zeros(run.raw)
        # Use Python calls, not a scan: XLA on the CPU runs the body of a loop on one thread.
        for i, part in enumerate(parts):
            seed, given = step_key(key, i), part.again() if epoch else part
            sums = _add(forms, sampler, run.raw, sums, given, params, seed, sharpness)
        run, loss = _move(forms, run, sums)
        losses.append(loss)
    return run, losses[0]


@functools.partial(jax.jit, static_argnums=0)
def _draw(forms, sampler, raw, part, params, key, sharpness):
    now = with_parameters(sampler, raw, sharpness)
    return forms.objective.draw(now, part, key, forms.model, params)


# Only the shapes are used, but jit learns the devices of a mesh from the values that it keeps.
@functools.partial(jax.jit, keep_unused=True)
def _zeros(raw):
    return jnp.float32(0.0), jnp.float32(0.0), jax.tree.map(jnp.zeros_like, raw)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=3)
def _add(forms, sampler, raw, sums, part, params, key, sharpness):
    def loss(raw):
        now = with_parameters(sampler, raw, sharpness)
        return forms.objective(now, part, key, forms.model, params)

    (total, count), grads = jax.value_and_grad(loss, has_aux=True)(raw)
    return jax.tree.map(jnp.add, sums, (total, jnp.asarray(count, jnp.float32), grads))


@functools.partial(jax.jit, static_argnums=0)
def _move(forms, run, sums):
    total, count, grads = sums
    count = jnp.maximum(count, 1.0)
    grads = jax.tree.map(lambda g: g / count, grads)
    with _as_optax_needs():
        updates, state = forms.optimizer.update(grads, run.optimizer, run.raw)
        raw = optax.apply_updates(run.raw, updates)
    return run._replace(raw=raw, optimizer=state), total / count


@contextlib.contextmanager
def _as_optax_needs():
    """Allow the promotions that optax makes, if the user's settings forbid them."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def evaluate(
    forms: Forms,
    sampler: Any,
    run: Run,
    held_out: Any,
    params: Any,
    key: jax.Array,
    sharpness: jax.Array,
    batch_size: int,
) -> tuple[Run, dict[str, float]]:
    """Measure the objective on all held-out examples, and keep the leaves with the least loss.

    Returns:
        The run, and a dict of the loss per token and the mean temperature.
    """
    sums, place = np.zeros(4), by_rows(params)
    count = len(held_out.tokens)
    # Use the same noise at every evaluation, so that their losses can be compared.
    key = step_key(key, HELD_OUT)
    for first in range(0, count, batch_size):
        (part,) = parts(held_out, np.arange(first, min(first + batch_size, count)), 1)
        seed = step_key(key, first)
        seen = _measure(forms, sampler, run.raw, place(part), params, seed, sharpness)
        sums += [float(x) for x in jax.device_get(seen)]
    loss = float(sums[0] / max(sums[1], 1.0))
    if not np.isfinite(loss):
        raise FloatingPointError(f"the held-out loss is {loss}: {CAUSES}")
    run = _kept(run, jax.device_put(np.float32(loss)))
    temperature = float(sums[2] / sums[3]) if sums[3] else float("nan")
    return run, {"held_out": loss, "temperature": temperature}


@functools.partial(jax.jit, static_argnums=0)
def _measure(forms, sampler, raw, batch, params, key, sharpness):
    model, objective = forms.model, forms.objective
    now = with_parameters(sampler, raw, sharpness)
    # The value of an objective may differ from the function whose gradient is taken.
    total, count = getattr(objective, "value", objective)(now, batch, key, model, params)
    texts = batch.texts
    live = jnp.arange(texts.tokens.shape[1])[None] < texts.token_lengths[:, None]
    heats = observe_examples(harden(now), texts, model, params).temperature
    told = live & ~jnp.isnan(heats)
    return total, count, jnp.sum(jnp.where(told, heats, 0.0)), jnp.sum(told)


@jax.jit
def _kept(run, loss):
    better = loss < run.best[1]
    best = jax.tree.map(lambda new, old: jnp.where(better, new, old), (run.raw, loss), run.best)
    return run._replace(best=best, stale=jnp.where(better, 0, run.stale + 1))
