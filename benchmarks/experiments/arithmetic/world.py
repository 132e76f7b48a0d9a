"""The sums of the experiment, and how likely the model solves each under a sampler."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxsample_models
from jaxsample.learn import Examples, logprobs, remember
from jaxsample_models.arithmetic import (
    Chances,
    chances,
    draw_sums,
    kinds,
    prompts,
    right_ones,
)

BATCH = 1024


class Part(NamedTuple):
    """Held-out sums, each with all solutions that have the right answer.

    Attributes:
        sums: int `[N, 3]`.
        texts: the solutions, N * 27 examples, with the outputs of a model.
        kinds: int8 `[N * 27, 7]`, indices into `KINDS`.
    """

    sums: np.ndarray
    texts: Examples
    kinds: np.ndarray


class World(NamedTuple):
    """The model and its sums.

    Attributes:
        checkpoint: the model of the package.
        train: prompts, each with a right solution as the text.
        val, test: held-out sums.
    """

    checkpoint: Any
    train: Examples
    val: Part
    test: Part


def build(plan: dict[str, Any], quick: bool) -> World:
    """Draw the sums; `plan` is `data` of the protocol."""
    checkpoint = jaxsample_models.embedded_arithmetic()
    sizes = plan["quick"] if quick else plan
    for_train, for_rest = np.random.SeedSequence(plan["seed"]).spawn(2)
    train = draw_sums(np.random.default_rng(for_train), sizes["train"])
    rest = draw_sums(np.random.default_rng(for_rest), sizes["val"] + sizes["test"], held_out=True)
    parts = np.split(rest, [sizes["val"]])
    val, test = (part(checkpoint.model, checkpoint.params, some) for some in parts)
    texts = Examples(right_ones(train)[:, 0], prompts=prompts(train))
    return World(checkpoint, texts, val, test)


def part(model: Any, params: Any, sums: np.ndarray) -> Part:
    """Call a model for all solutions of sums that have the right answer."""
    tokens = right_ones(sums)
    sorts = kinds(sums[:, None], tokens)
    flat = tokens.reshape(-1, tokens.shape[-1])
    texts = Examples(flat, prompts=np.repeat(prompts(sums), tokens.shape[1], axis=0))
    said = remember(model, params, texts, batch_size=BATCH)
    # The model returns hidden states alone. With the logits beside them it is not needed again.
    said = said._replace(logits=np.asarray(_unembed(model, params, said.hidden)))
    return Part(sums, said.checked(), sorts.reshape(flat.shape))


def solved(sampler: Any, among: Part) -> np.ndarray:
    """Return the exact probability that each sum is solved under a sampler, `[N]`."""
    return found(sampler, among).right


def found(sampler: Any, among: Part) -> Chances:
    """Return the exact chances of each sum under a sampler."""
    return chances(np.asarray(_logprobs(sampler, among.texts)))


_logprobs = jax.jit(logprobs)


@functools.partial(jax.jit, static_argnums=0)
def _unembed(model, params, hidden):
    return model.unembed(params, hidden)
