"""The share of a decode step that is not the model.

The base is a loop with the work of the model and no sampling: prefill, then a scan of unembed and
apply. XLA must not optimise this work away, so two things are added. The loop carries the whole
logits from step to step, so that XLA cannot drop or narrow the unembed. And the next token depends
on one logit of each row, so that XLA cannot run the unembed of a step in parallel with the layers
of the next one, which no decoder can do. An argmax would have both effects, but on a CPU it costs
2 ns per element, as much as a good sampler, and its time would count as the model's.
"""

from __future__ import annotations

import statistics

import jax
import jax.numpy as jnp
from harness.report import median_interval, recorded
from harness.turns import take_turns, timed

from jaxsample import TopK, TopP, chain, generate

PROMPT = 4  # short, because steps are compared and not prefill
CHEAP = ("logprobs", "model_logprobs", "entropy", "kept")
BASE = "model loop"
ARMS = {
    "chain(), no records": (chain(), ()),
    "k 50 + p .9, no records": (chain(TopK(50), TopP(0.9)), ()),
    "k 50 + p .9, all cheap records": (chain(TopK(50), TopP(0.9)), CHEAP),
}
QUICK_ARMS = {"k 50 + p .9, all cheap records": ARMS["k 50 + p .9, all cheap records"]}


def model_loop(model, batch: int, steps: int):
    """Return the jitted `loop(params, prompts) -> logits [B, V]` of the model's work."""

    @jax.jit
    def loop(params, prompts):
        positions = jnp.broadcast_to(jnp.arange(PROMPT), prompts.shape)
        cache = model.init_cache(batch, PROMPT + steps)
        output = model.apply(params, prompts, positions, cache)
        hidden = output.hidden[:, -1]
        shape = jax.eval_shape(model.unembed, params, hidden)

        def body(carry, position):
            cache, hidden, _ = carry
            logits = model.unembed(params, hidden)
            # This is always token 5, but XLA does not know that no logit is so large.
            tokens = 5 + (logits[:, :1] > 1e30).astype(jnp.int32)
            output = model.apply(params, tokens, jnp.full((batch, 1), position), cache)
            return (output.cache, output.hidden[:, -1], logits), None

        start = output.cache, hidden, jnp.zeros(shape.shape, shape.dtype)
        return jax.lax.scan(body, start, PROMPT + jnp.arange(steps))[0][2]

    return loop


def measure(decoder, batch: int, steps: int, rounds: int, chosen: dict) -> dict:
    """Time the base and the chosen of `ARMS` in turn at batch size B."""
    model, params = decoder.model, decoder.params
    prompts = jnp.ones((batch, PROMPT), jnp.int32)
    loop = model_loop(model, batch, steps)

    def generating(sampler, record):
        def call(i):
            key, static = jax.random.key(i), {"max_new_tokens": steps, "record": record}
            out = generate(key, model, params, prompts, sampler, **static)
            return jax.block_until_ready(out)

        return timed(call)

    arms = {BASE: timed(lambda i: jax.block_until_ready(loop(params, prompts)))}
    arms |= {name: generating(*arm) for name, arm in chosen.items()}
    # The budget is unlimited, so that each arm runs in every round and rounds can be compared.
    times = take_turns(arms, rounds, 1e9)
    times = {name: [seconds / steps for seconds in runs] for name, runs in times.items()}
    return {
        name: {**arm, "overhead": None if name == BASE else overhead(times[name], times[BASE])}
        for name, arm in recorded(times).items()
    }


def overhead(runs: list[float], base: list[float]) -> dict:
    """Return (generate - loop) / loop: the median over the rounds, with its interval.

    The two runs of a round have nearly the same load, so their quotient varies less than either.
    """
    shares = [a / b - 1 for a, b in zip(runs, base, strict=True)]
    low, high = median_interval(shares)
    return {"value": statistics.median(shares), "low": low, "high": high}
