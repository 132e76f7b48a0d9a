"""Samplers for loops that carry no state from token to token."""

from __future__ import annotations

import jax

from jaxsample.decode._sample import check_sampler
from jaxsample.transforms.contract._transform import Transform


def stateless(loop: str, sampler: Transform) -> Transform:
    """Return the sampler of a loop that cannot keep its state.

    Raises:
        ValueError: if it is no transform, or remembers the tokens before.
    """
    check_sampler(sampler)
    try:
        state = jax.eval_shape(lambda: sampler.init(None, None))
    except Exception as error:  # it needs the prompt or a key, and may read their attributes
        state = error
    if isinstance(state, Exception) or jax.tree.leaves(state):
        raise ValueError(
            f"{loop} keeps no state between tokens, which {sampler!r} needs; use "
            "jaxsample.generate, or a sampler without state"
        )
    return sampler
