"""Decoding in chunks, for showing text while it is generated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jax
from jax.typing import ArrayLike

from jaxsample.decode._arguments import positive_int
from jaxsample.decode._generate import resume, start
from jaxsample.decode._generation import Generation
from jaxsample.decode._model import Model
from jaxsample.decode._records import check_record
from jaxsample.decode._step import Ending
from jaxsample.transforms.contract._transform import Transform
from jaxsample.transforms.tokens._stop_strings import StopStrings


def stream(
    key: jax.Array,
    model: Model,
    params: Any,
    prompts: ArrayLike,
    sampler: Transform,
    *,
    max_new_tokens: int,
    max_length: int | None = None,
    lengths: ArrayLike | None = None,
    eos: int | Sequence[int] = (),
    stop: StopStrings | Sequence[Sequence[int]] = (),
    pad: int = 0,
    budget: ArrayLike | None = None,
    samples: int | None = None,
    sampler_axes: Any = None,
    record: Sequence[Any] = ("logprobs",),
    early_stop: bool = True,
    chunk: int = 16,
) -> Iterator[Generation]:
    """Generate in chunks of `chunk` tokens; joined along the tokens they equal those of `generate`.

    The `lengths` of a chunk count its own tokens. Once all of `decoding.done` is true, the
    remaining chunks hold only padding and need not be read.

    The other arguments are those of `generate`.

    Args:
        chunk: tokens per chunk; the last chunk may be shorter; static.

    Raises:
        ValueError: at the call, if an argument has a wrong type, shape or value.

    >>> for part in stream(jax.random.key(0), bigram, table, jnp.array([[0], [2]]), TopK(1),
    ...                    max_new_tokens=4, chunk=2):
    ...     print(part.tokens.tolist())
    [[1, 2], [3, 0]]
    [[3, 0], [1, 2]]
    """
    total, chunk = positive_int("max_new_tokens", max_new_tokens), positive_int("chunk", chunk)
    samples = None if samples is None else positive_int("samples", samples)
    Ending.of(eos, stop, pad)
    check_record(record)
    decoding, sampler = start(
        key,
        model,
        params,
        prompts,
        sampler,
        max_new_tokens=total,
        max_length=max_length,
        lengths=lengths,
        budget=budget,
        samples=samples,
        sampler_axes=sampler_axes,
    )

    def chunks(decoding):
        for first in range(0, total, chunk):
            generation = resume(
                model,
                params,
                decoding,
                sampler,
                max_new_tokens=min(chunk, total - first),
                eos=eos,
                stop=stop,
                pad=pad,
                samples=samples,
                sampler_axes=sampler_axes,
                record=record,
                early_stop=early_stop,
            )
            yield generation
            decoding = generation.decoding

    return chunks(decoding)
