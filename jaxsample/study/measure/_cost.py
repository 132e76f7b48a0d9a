"""What a token costs under each of several strategies, measured in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.decode._generate import generate
from jaxsample.decode._guidance import guided
from jaxsample.study.draw._settings import Setting
from jaxsample.study.draw._source import Source


class Cost(NamedTuple):
    """The cost of one strategy.

    Attributes:
        setting: its name.
        milliseconds: per token step of the whole batch, the median over rounds.
        ratio: to the first strategy: the median over rounds of what was measured in one round.
        low, high: quartiles of that ratio.

    >>> Cost("T 1", 0.5, 1.0, 1.0, 1.0).ratio
    1.0
    """

    setting: str
    milliseconds: float
    ratio: float
    low: float
    high: float


def costs(
    source: Source,
    settings: Sequence[Setting],
    *,
    batch_size: int = 8,
    tokens: int = 64,
    rounds: int = 11,
) -> list[Cost]:
    """Time decoding under each setting, all settings in each round, in alternating order.

    Every row draws `tokens` tokens after a prompt of one token and no text ends early. Other work
    beside it makes single times worthless, and ratios within a round much less so.

    Args:
        source: the model with its tokenizer.
        settings: the first is what the others are compared with.
        batch_size: rows decoded at once.
        tokens: steps of a run.
        rounds: how often each is run, after a run that compiles.

    >>> import jaxsample_models
    >>> source = Source("stories", jaxsample_models.embedded())
    >>> settings = [Setting("cold", Temperature(0.5)), Setting("hot", Temperature(1.5))]
    >>> [one.setting for one in costs(source, settings, batch_size=2, tokens=4, rounds=1)]
    ['cold', 'hot']
    """
    model, params = source.checkpoint.model, source.checkpoint.params
    begin = jnp.full((batch_size, 1), (source.bos or [0])[0], jnp.int32)

    def run(setting: Setting, seed: int) -> float:
        used: tuple[Any, Any, Any] = (model, params, begin)
        if setting.combiner is not None:
            streams = jnp.stack([begin, begin], 1)
            used = guided(model, setting.combiner), (params, setting.combiner), streams
        key = jax.random.key(seed)
        begun = time.perf_counter()
        out = generate(key, *used, setting.sampler, max_new_tokens=tokens, record=())
        jax.block_until_ready(out.tokens)
        return time.perf_counter() - begun

    for setting in settings:
        run(setting, 0)
    times = np.zeros((rounds, len(settings)))
    for i in range(rounds):
        order = range(len(settings)) if i % 2 else reversed(range(len(settings)))
        for j in order:
            times[i, j] = run(settings[j], i + 1)
    ratios = times / times[:, :1]
    low, middle, high = np.percentile(ratios, [25, 50, 75], axis=0)
    per_step = 1000 * np.median(times, axis=0) / tokens
    return [
        Cost(s.name, *map(float, (per_step[j], middle[j], low[j], high[j])))
        for j, s in enumerate(settings)
    ]
