"""Training of the hyperparameters of a sampler."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from jaxsample.decode._model import Model
from jaxsample.kernels._noise import as_key
from jaxsample.learn._batches import batches, step_key
from jaxsample.learn._checkpoints import Journal
from jaxsample.learn._cross_entropy import cross_entropy
from jaxsample.learn._examples import Examples
from jaxsample.learn._hosts import by_rows, is_first, on_device, reported, whole
from jaxsample.learn._learned import Learned
from jaxsample.learn._policy import Policy
from jaxsample.learn._preferences import Pairs
from jaxsample.learn._progress import bar
from jaxsample.learn._training import CAUSES, Forms, evaluate, finish, start, train_step
from jaxsample.transforms.contract._transform import Transform

SOFT = 30.0, 300.0
KEPT = "start all processes again with the same arguments; with `folder` the training resumes"


class Fit(NamedTuple):
    """A trained sampler.

    Attributes:
        sampler: the sampler with the least held-out loss; the last one if there are no held-out
            examples. Its filters are hard.
        loss: its held-out loss per token, or the last training loss, computed with soft filters at
            their last sharpness.
        history: one dict per evaluation with step and loss; with held-out examples also held_out
            (the loss) and temperature (the mean over their tokens).
        steps: the number of steps.

    >>> texts = Examples(np.array([[0], [0], [0], [1]]),
    ...                  logits=np.float32([[[2.0, 0.0]]]).repeat(4, axis=0))
    >>> found = fit(jax.random.key(0), Temperature(1.0), None, None, texts, steps=4,
    ...             batch_size=4, every=2)
    >>> found.steps, [entry["step"] for entry in found.history]
    (4, [2, 4])
    """

    sampler: Any
    loss: float
    history: list[dict[str, float]]
    steps: int


def fit(
    key: jax.Array,
    sampler: Transform | Policy,
    model: Model | None,
    params: Any,
    data: Examples | Pairs | Callable[[jax.Array], Examples | Pairs],
    *,
    steps: int,
    batch_size: int = 32,
    objective: Callable = cross_entropy,
    optimizer: optax.GradientTransformation | None = None,
    microbatches: int = 1,
    held_out: Examples | Pairs | None = None,
    every: int = 50,
    patience: int | None = None,
    sharpness: tuple[float, float] = SOFT,
    folder: str | Path | None = None,
    progress: bool = False,
) -> Fit:
    """Train the hyperparameters of a sampler, or the network that chooses them.

    Every leaf that `partition` calls trainable is trained, and stays inside the range of its field.
    `TopP`, `MinP` and a learned nucleus are trained as soft filters whose sharpness grows, and are
    hard again in the result.

    With `folder`, a run that was stopped resumes from its last checkpoint if `fit` is called again
    with the same arguments; it ends with the same bits as a run that was never stopped.

    In a run of several processes (`jax.distributed`) all of them call it with the same arguments.
    If `params` lie on a mesh of all devices, the examples of a batch are split over the axes that
    split no parameter; else each process trains alone. The first process alone uses `folder`.

    Args:
        key: a PRNG key.
        sampler: a `Policy`, which stands for `Learned(policy)`, or any transform or chain.
        model, params: the frozen model; None if the examples hold its outputs.
        data: examples, visited in epochs in an order that depends on `key`; or `key -> Examples`, a
            jittable function that draws a fresh batch.
        steps: the number of steps; each is one update, or one for each of the objective's `epochs`.
        batch_size: examples per step.
        objective: `(sampler, examples, key, model, params) -> (sum, count)`; the loss is sum /
            count. Static: pass the same function object every time.
        optimizer: an optax optimizer, by default Adam with a learning rate of 3e-3; static.
        microbatches: parts that a batch is split into; only one part is in memory at a time.
        held_out: examples for the evaluations and for early stopping.
        every: steps between two evaluations, and between two checkpoints.
        patience: stop after this many evaluations in a row without improvement; None never stops.
        sharpness: sharpness of the soft filters at the first and at the last step.
        folder: where to keep checkpoints (needs orbax) and metrics.jsonl.
        progress: show a progress bar (needs rich).

    Raises:
        ValueError: if an argument is invalid, if the data hold no example, or if a file in `folder`
            is damaged or belongs to another run.
        FloatingPointError: if the loss is NaN or infinite; the message names the step.
        ImportError: if `folder` or `progress` needs a package that is not installed.
        RuntimeError: if this process waits for another one that was killed or failed.
        KeyboardInterrupt: after Ctrl-C; the last checkpoint is kept, and a note on the exception
            says how to resume.

    >>> texts = Examples(np.array([[0], [0], [0], [1]]),
    ...                  logits=np.float32([[[2.0, 0.0]]]).repeat(4, axis=0))
    >>> found = fit(jax.random.key(0), Temperature(1.0), None, None, texts, steps=300,
    ...             batch_size=4, optimizer=optax.adam(0.1))
    >>> round(float(found.sampler.value), 2)  # the odds in the texts are 3 to 1: 2 / T = log 3
    1.82
    """
    if isinstance(sampler, Policy):
        sampler = Learned(sampler)
    _check(steps, batch_size, microbatches, every, patience, held_out, sharpness)
    if isinstance(data, Examples | Pairs):
        data = data.checked()
        batch_size = min(batch_size, len(data.tokens))
        _check_model(data, model)
    elif not callable(data):
        raise ValueError(f"data must be Examples, Pairs or a function of a key, got {data!r}")
    if held_out is not None:
        held_out = held_out.checked()
        _check_model(held_out, model)
    forms = Forms(model, objective, optimizer or _adam())
    key = jax.jit(as_key)(key)
    made_with = {
        "sampler": re.sub(r" at 0x\w+", "", repr(jax.device_get(sampler))),
        "key": jax.device_get(jax.random.key_data(key)).tolist(),
        "batch_size": batch_size,
        "sharpness": list(sharpness),
    }
    # Transfer once instead of at every step.
    sampler, params = on_device((sampler, params))
    run = start(forms.optimizer, sampler)
    if not jax.tree.leaves(run.raw):
        raise ValueError(f"nothing in {sampler!r} can be trained")
    place = by_rows(params)
    of_step = batches(data, key, batch_size, microbatches)
    last = jax.device_put(np.float32(sharpness[1]))

    def evaluated(run):
        size = max(batch_size // microbatches, 1)
        return evaluate(forms, sampler, run, held_out, params, key, last, size)

    with contextlib.ExitStack() as stack:
        stack.enter_context(reported(KEPT))
        journal = stack.enter_context(Journal(folder, made_with))
        run = journal.restore(run)
        first = done = journal.step
        show = stack.enter_context(bar(progress and is_first(), steps, first))
        losses = []
        if held_out is not None and not first:  # the loss that training has to beat
            run, _ = evaluated(run)
        while done < steps and not _over(run, patience):
            share = done / max(steps - 1, 1)
            heat = np.float32(sharpness[0] * (sharpness[1] / sharpness[0]) ** share)
            batch, seed = map(place, of_step(done)), step_key(key, done)
            run, loss = train_step(forms, sampler, run, batch, params, seed, jax.device_put(heat))
            losses.append(loss)
            done += 1
            if done % every == 0 or done == steps:
                entry = {"step": done, "loss": _finite(losses, done)}
                losses = []
                _check_finite(run.raw, done)
                if held_out is not None:
                    run, seen = evaluated(run)
                    entry |= seen
                journal.write(done, run, entry)
                show(done, entry)
        history = journal.history
    # The history is empty if the user deleted the metrics of a run that had ended.
    latest = history[-1]["loss"] if history else np.nan
    raw, loss = (run.raw, latest) if held_out is None else run.best
    return Fit(finish(sampler, raw, last), float(jax.device_get(loss)), history, done)


@functools.cache
def _adam():
    return optax.adam(3e-3)


def _over(run, patience):
    return patience is not None and int(jax.device_get(run.stale)) >= patience


def _finite(losses, step):
    losses = np.asarray(jax.device_get(losses), np.float64)
    mean = float(np.mean(losses))
    if not np.isfinite(mean):
        first = step - len(losses) + 1 + int(np.argmin(np.isfinite(losses)))
        raise FloatingPointError(
            f"the loss at step {first} is {mean}: lower the learning rate, or {CAUSES}; the last "
            "checkpoint is from an earlier step"
        )
    return mean


def _check_finite(raw, step):
    for path, leaf in jax.tree_util.tree_flatten_with_path(raw)[0]:
        if not np.isfinite(whole(leaf)).all():
            raise FloatingPointError(
                f"{jax.tree_util.keystr(path)} is not finite after step {step}, because its "
                "gradient was not: lower the learning rate; the last checkpoint is from an earlier "
                "step"
            )


def _check_model(data, model):
    if data is None:
        return
    texts = data.texts
    if texts.logits is None and (model is None or (texts.hidden is not None and not model.unembed)):
        raise ValueError(
            "a model is needed: the examples hold no logits, and no hidden states that a model "
            "with `unembed` could turn into logits"
        )
    if model is not None and model.streams != 1:
        raise ValueError("fit cannot train with a guided model; use the conditional model")


def _check(steps, batch_size, microbatches, every, patience, held_out, sharpness):
    counts = dict(steps=steps, batch_size=batch_size, microbatches=microbatches, every=every)
    for name, value in counts.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an int >= 1, got {value!r}")
    if batch_size % microbatches:
        raise ValueError(
            f"batch_size must be a multiple of microbatches, got {batch_size} and {microbatches}"
        )
    if patience is not None and held_out is None:
        raise ValueError("patience needs held_out examples")
    if not min(sharpness) > 0:
        raise ValueError(f"sharpness must be > 0, got {sharpness!r}")
