"""The time of a token under several settings, measured in turns."""

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
    """The time of a token under one setting.

    Attributes:
        setting: the name of the setting.
        milliseconds: the time of one token of the whole batch, the median over rounds.
        ratio: the median over rounds of the time over that of the first setting in the same round.
        low, high: the quartiles of that ratio.

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

    Every row draws `tokens` tokens after a prompt of one token, and no text ends early. Other load
    on the machine changes single times much more than ratios within a round.

    Args:
        source: the model with its tokenizer.
        settings: the settings to time; the others are compared with the first.
        batch_size: the number of texts decoded at once.
        tokens: the number of tokens of a text.
        rounds: the number of timed runs of each setting, after a run that compiles.

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
