"""Text that is drawn token by token, each with its numbers."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxsample
from jaxsample import Decoding, Model, ModelOutput, Prompt
from jaxsample.cli.decoding import check
from jaxsample.cli.explore.orders import WARMTHS
from jaxsample.cli.explore.reader import Reader, Row
from jaxsample.interop import Transcript
from jaxsample.show import staged

RECORD = "logprobs", "model_logprobs", "entropy", "kept"


class Token(NamedTuple):
    """A token that was drawn.

    Attributes:
        id: the token.
        text: what it adds to the text; empty for an incomplete character.
        probability: of the token under the chain.
        model_probability: of the token under the model alone (T = 1).
        entropy: nats, of the model.
        kept: how many tokens the chain kept.
        rank: how many tokens the model finds likelier.
        temperature: the product of the temperatures that the members of the chain applied.
        ended: whether it ends the text.
    """

    id: int
    text: str
    probability: float
    model_probability: float
    entropy: float
    kept: int
    rank: int
    temperature: float
    ended: bool


def _apply(blank, tokens, positions, cache):
    logits, hidden = (
        None if x is None else jnp.broadcast_to(x, (*tokens.shape, *x.shape)) for x in blank
    )
    return ModelOutput(logits, hidden, cache)


STILL = Model(lambda batch, length: (), _apply)
"""A model that reads nothing: with it, `step` draws and records, and compiles no network."""


def row_keys(seed: int, samples: int) -> jax.Array:
    """Return the keys `[samples]` with which `generate --seed` draws its samples."""
    fold = jax.random.fold_in
    one = fold(jax.random.key(seed), 0)
    return jax.vmap(fold, (None, 0))(one, jnp.arange(samples))


def first_state(reader: Reader, sampler: Any, ids: Sequence[int], key: jax.Array, room: int) -> Any:
    """Return the state of a sampler after a prompt, for a text of at most `room` tokens."""
    tokens = np.zeros(reader.slots(len(ids) + room), np.int32)
    tokens[: len(ids)] = ids
    size = reader.row(ids).logits.size
    prompt = Prompt(jnp.asarray(tokens), jnp.int32(len(ids)), jnp.int32(room), size)
    return sampler.init(jax.random.fold_in(key, 1), prompt)


def state_after(
    reader: Reader, sampler: Any, ids: Sequence[int], output: Sequence[int], key: Any, room: int
) -> Any:
    """Return the state of a sampler after a prompt and some output."""
    state = first_state(reader, sampler, ids, key, room)
    if not jax.tree.leaves(state):
        return state
    for n, token in enumerate(output):
        row = reader.row([*ids, *output[:n]])
        state = sampler.update(state, row.logits, np.int32(token), row.hidden)
    return state


def started(decoding: Decoding, state: Any, keys: jax.Array, n: int) -> Any:
    """Return a decoding for `STILL` from one of the model, its state, keys and token count."""
    rows = len(keys)
    return decoding._replace(
        cache=(),
        state=state,
        keys=keys,
        n=jnp.full((rows,), n, jnp.int32),
        done=jnp.zeros((rows,), bool),
    )


def drawn(decoding: Any, sampler: Any) -> tuple[Any, Any]:
    """Draw a token for every row of a decoding for `STILL`; see `jaxsample.step`."""
    hidden = decoding.hidden
    blank = (
        jnp.zeros(decoding.logits.shape[1:], jnp.float32),
        None if hidden is None else jnp.zeros(hidden.shape[1:], hidden.dtype),
    )
    return jaxsample.step(STILL, blank, decoding, sampler, record=RECORD)


def write(
    reader: Reader,
    sampler: Any,
    ids: Sequence[int],
    output: Sequence[int],
    seed: int,
    room: int,
) -> Generator[Token, None, None]:
    """Yield the tokens that follow a prompt and some output; the seed draws what `generate` does.

    Args:
        reader: the model.
        sampler: the chain.
        ids: the prompt.
        output: the first tokens of the text, drawn or chosen before.
        seed: the same seed draws the same text.
        room: the largest number of tokens of the text, with those of `output`.

    Raises:
        ValueError: if the model or the sampler returns logits from which no token can be drawn.
    """
    source, key = reader.source, row_keys(seed, 1)
    text = Transcript(source.tokenizer, [*ids, *output])
    decoding = reader.decoding([*ids, *output], room - len(output))
    state = state_after(reader, sampler, ids, output, key[0], room)
    output = list(output)
    state = jax.tree.map(lambda x: jnp.asarray(x)[None], state)
    try:
        for n in range(len(output), room):
            before = state
            row = reader.keep_row([*ids, *output], decoding)
            pen, step = drawn(started(decoding, state, key, n), sampler)
            check(step, source, sampler)
            state, token = pen.state, int(step.tokens[0])
            ended = token in source.eos
            readable = text.add(token)
            if ended or n == room - 1:
                readable += text.rest()
            yield Token(
                token,
                readable,
                math.exp(float(step.logprobs[0])),
                math.exp(float(step.model_logprobs[0])),
                float(step.entropy[0]),
                int(step.kept[0]),
                int((row.logits > row.logits[token]).sum()),
                temperature(row, sampler, jax.tree.map(lambda x: x[0], before)),
                ended,
            )
            if ended:
                break
            decoding = reader.feed(decoding, [token])
            output.append(token)
    finally:  # also if the page closes the stream; `output` is what the decoding has read
        reader.leave([*ids, *output], decoding)


def temperature(row: Row, sampler: Any, state: Any) -> float:
    """Return the product of the temperatures of a chain's members in a row."""
    product = 1.0
    for stage in staged(row.logits, zip(sampler, state, strict=True), row.hidden):
        if stage.temperature is not None:
            product *= stage.temperature
        elif type(stage.transform).__name__ in WARMTHS and stage.cut.any():
            return 0.0  # of these only T = 0 removes tokens
    return product
