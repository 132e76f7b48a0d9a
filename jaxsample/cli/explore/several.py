"""Several continuations of one prompt, and how they differ."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample.cli.decoding import check
from jaxsample.cli.explore.reader import Reader
from jaxsample.cli.explore.writing import drawn, row_keys, started, state_after
from jaxsample.interop import Transcript
from jaxsample.study import distinct, self_bleu

COUNT = 8
CACHES = 2**31  # bytes of the caches of all texts; a step holds them twice


class Several(NamedTuple):
    """Continuations, and measures of them.

    Attributes:
        texts: the continuations.
        logprobs: nats, the mean of each text's log-probabilities under the model.
        distinct: the shares of different words and of different pairs of words.
        self_bleu: the mean BLEU of a text against the others.
    """

    texts: list[str]
    logprobs: list[float]
    distinct: list[float]
    self_bleu: float

    @property
    def logprob(self) -> float:
        """The mean over the texts."""
        return float(np.mean(self.logprobs))


def several(
    reader: Reader, sampler: Any, ids: Sequence[int], output: Sequence[int], seed: int, room: int
) -> Generator[int, None, Several]:
    """Draw `COUNT` texts, the samples of `generate --seed`; yield how many tokens each has so far.

    The arguments are those of `write`.

    Raises:
        ValueError: as `write`; or if the caches of so many texts would be too large.
    """
    keys = row_keys(seed, COUNT)
    one = reader.decoding([*ids, *output], room - len(output))
    size = COUNT * sum(x.nbytes for x in jax.tree.leaves(one.cache))
    if size > CACHES:
        raise ValueError(
            f"the caches of {COUNT} texts would take {size / 2**30:.1f} GiB, more than "
            f"{CACHES / 2**30:.1f}; shorten the prompt or the text"
        )
    decoding = jax.tree.map(lambda x: jnp.repeat(x, COUNT, axis=0), one)
    states = [state_after(reader, sampler, ids, output, key, room) for key in keys]
    state = jax.tree.map(lambda *xs: jnp.stack(xs), *states)
    tokens: list[list[int]] = [[] for _ in range(COUNT)]
    logprobs: list[list[float]] = [[] for _ in range(COUNT)]
    done = np.zeros(COUNT, bool)
    for n in range(len(output), room):
        pen = started(decoding, state, keys, n)._replace(done=jnp.asarray(done))
        pen, step = drawn(pen, sampler)
        check(step, reader.source, sampler)
        state = pen.state
        for g in np.flatnonzero(~done):
            tokens[g].append(int(step.tokens[g]))
            logprobs[g].append(float(step.model_logprobs[g]))
            done[g] = tokens[g][-1] in reader.source.eos
        yield n + 1
        if done.all() or n + 1 == room:
            break
        decoding = reader.feed(decoding, step.tokens)
    texts = [_text(reader, [*ids, *output], drawn_) for drawn_ in tokens]
    words = [text.split() for text in texts]
    return Several(
        texts,
        [float(np.mean(values)) for values in logprobs],
        [distinct(words, n) for n in (1, 2)],
        self_bleu(texts),
    )


def _text(reader, before, tokens):
    text = Transcript(reader.source.tokenizer, before)
    return "".join([text.add(token) for token in tokens]) + text.rest()
