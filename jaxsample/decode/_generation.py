"""The result of decoding many tokens."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.decode._records import Support, Top
from jaxsample.decode._step import Decoding, Step
from jaxsample.transforms.contract._exported import exported


@exported
class Generation(NamedTuple):
    """The generated tokens of every row, and the records of them that were requested.

    With `samples=G` every array outside of `decoding` is `[B, G, ..]` instead of `[B, ..]`. A
    record that was not requested is None. Records are 0 after the end of a row.

    Attributes:
        tokens: `[B, N]` int32. They include the eos and are followed by `pad`; a row that turns
            invalid has one -1 before `pad`.
        lengths: `[B]` int32, the number of tokens, counting the eos but not -1.
        logprobs: `[B, N]` nats, under the distribution from which the token was drawn.
        model_logprobs: `[B, N]` nats, under the raw model (T = 1).
        entropy: `[B, N]` nats, of the raw model.
        kept: `[B, N]` int32, the size of the kept set.
        support: the kept sets, from `("support", K)`.
        top: the n likeliest tokens under the raw model, from `("top", n)`.
        invalid: `[B]` bool, whether the row ended because its logits were invalid: they held a NaN
            or no token was left.
        invalid_logits: `[B]` bool, whether the model itself returned the invalid logits. An
            invalid row for which this is False was made invalid by the sampler.
        decoding: the state to continue from, see `resume`; None from `generate` with slots.

    >>> out = generate(jax.random.key(0), bigram, table, jnp.array([[0], [2]]), TopK(1),
    ...                max_new_tokens=4, eos=3, record=("kept",))
    >>> out.tokens.tolist(), out.lengths.tolist()
    ([[1, 2, 3, 0], [3, 0, 0, 0]], [3, 1])
    >>> out.kept.tolist(), out.entropy
    ([[1, 1, 1, 0], [1, 0, 0, 0]], None)
    """

    tokens: jax.Array
    lengths: jax.Array
    logprobs: jax.Array | None
    model_logprobs: jax.Array | None
    entropy: jax.Array | None
    kept: jax.Array | None
    support: Support | None
    top: Top | None
    invalid: jax.Array
    invalid_logits: jax.Array
    decoding: Decoding

    def _repr_html_(self) -> str | None:
        from jaxsample.decode._pictured import ids_as_html

        return ids_as_html(self)


def generation_of(steps: Step, decoding: Decoding | None, samples: int | None) -> Generation:
    """Pack the steps of all rows, arrays `[B, N, ..]`, and the decoding after them, if any."""
    lengths = jnp.sum(steps.live & ~steps.invalid, axis=1, dtype=jnp.int32)
    invalid = (jnp.any(x, axis=1) for x in (steps.invalid, steps.invalid_logits))
    outputs = steps.tokens, lengths, *steps[4:], *invalid
    if samples is not None:
        outputs = jax.tree.map(lambda x: x.reshape(-1, samples, *x.shape[1:]), outputs)
    # Type checkers do not know the length of the tuple.
    return Generation(*outputs, decoding)  # type: ignore[arg-type]
