"""Sampled texts, compared with the exact numbers."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jaxsample import generate
from jaxsample.study import mean, pass_at_k
from jaxsample_models.arithmetic import EOS, answers, pass_at_1, prompts, right_text

from .measures import KS, at_k
from .policies import LENGTH
from .world import World, solved


def checked(world: World, plan: dict[str, int], sampler: Any, seed: int) -> dict[str, Any]:
    """Draw texts for test sums, judge them as texts, and compare with the exact numbers.

    Args:
        world: the model and its sums.
        plan: how many "sums", and how many "samples" of each.
        sampler: what draws the texts.
        seed: of the draws.

    Returns:
        for each measure its estimate from samples, the exact number on the same sums, and the
        standard error and the interval of their difference over sums; how much of
        pass@1 the exact numbers may miss; and the exact pass@1 of the texts that the model learned
        from.
    """
    sums, samples = world.test.sums[: plan["sums"]], plan["samples"]
    model, params, tokenizer, *_ = world.checkpoint
    drawn = generate(
        jax.random.key(seed),
        model,
        params,
        prompts(sums),
        sampler,
        max_new_tokens=LENGTH,
        eos=EOS,
        samples=samples,
        record=(),
    )
    texts = tokenizer.decode_batch(np.asarray(drawn.tokens).reshape(-1, LENGTH).tolist())
    wanted = [f"{answer:02}" for answer in answers(sums) for _ in range(samples)]
    correct = np.reshape(
        [right_text(*pair) for pair in zip(texts, wanted, strict=True)], (-1, samples)
    )
    exact = solved(sampler, world.test)
    told: dict[str, Any] = {"sums": len(sums), "samples": samples}
    for k in KS:
        sampled = pass_at_k(correct.sum(axis=1), samples, k)
        known = at_k(exact.right[: len(sums)], k)
        apart = sampled - known
        off = mean(apart)
        told[f"pass_{k}"] = {
            "sampled": float(np.mean(sampled)),
            "exact": float(np.mean(known)),
            "difference": off.value,
            "error": float(np.std(apart) / len(apart) ** 0.5),
            "ci": [off.low, off.high],
        }
    missed = {"mean": float(np.mean(exact.missed)), "most": float(np.max(exact.missed))}
    return told | {"missed": missed, "texts": float(np.mean(pass_at_1(sums)))}
