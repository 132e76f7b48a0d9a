"""Sampling of texts that spread evenly over the law: arithmetic sampling."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxsample.decode._arguments import check_prompts, on_device, positive_int
from jaxsample.decode._generate import resume
from jaxsample.decode._generation import Generation
from jaxsample.decode._keys import row_keys
from jaxsample.decode._model import Model
from jaxsample.decode._prefill import prefill
from jaxsample.kernels._auto_axes import alike, in_auto
from jaxsample.kernels._noise import bits, fold_in, one_key, uniform
from jaxsample.transforms.contract._fields import field
from jaxsample.transforms.contract._transform import Transform, transform
from jaxsample.transforms.rows._row import Row
from jaxsample.transforms.tokens._stop_strings import StopStrings

BITS = 30  # of a code; masses of a row sum to 2**BITS, within int32
EXACT = 24  # bits of a number in [0, 1) that float32 holds
SLACK = 2.0**-18  # the likeliest token takes this share, so that rounding never exceeds the total
REST_STREAM, LOW_STREAM = 0, 1  # streams of the noise below a code


def sample_evenly(
    key: jax.Array,
    model: Model,
    params: Any,
    prompts: ArrayLike,
    sampler: Transform,
    *,
    samples: int,
    max_new_tokens: int,
    max_length: int | None = None,
    lengths: ArrayLike | None = None,
    eos: int | Sequence[int] = (),
    stop: StopStrings | Sequence[Sequence[int]] = (),
    pad: int = 0,
    budget: ArrayLike | None = None,
    record: Sequence[Any] = ("logprobs",),
) -> Generation:
    """Draw `samples` texts for every prompt that cover the law evenly.

    Each text alone follows the law of `generate`, so a mean over them is an unbiased estimate. But
    they are not independent: a prefix of probability P begins between G P - 1 and G P + 1 of the G
    texts, so the estimate varies less. This is arithmetic sampling. All texts are points in [0, 1),
    where each prefix owns an interval as long as its probability. The points are G evenly spaced
    ones with a common random shift. Texts come in the order of their points.

    A point has 30 bits. After a token the bits that are used up are replaced by fresh random ones,
    so texts remain random when they are longer than 30 bits of information. The promise loses
    nothing by that: where a point has run out, its prefix has no other text.

    Probabilities of a step are rounded down to multiples of 2**-30, and the likeliest token has the
    rest, about V * 2**-31. A prefix whose interval ends within G * 2**-24 of the distance between
    two points may be off by one more.

    Args:
        samples: G; static.
        sampler: any transform. Random numbers of its own are drawn for each text, and the promise
            does not hold for these.
        key, model, params, prompts, max_new_tokens, max_length, lengths: see `generate`.
        eos, stop, pad, budget, record: see `generate`.

    Raises:
        ValueError: if an argument has a wrong type, shape or value.

    Reference: Vilnis et al., 2023, https://arxiv.org/abs/2210.15458

    >>> out = sample_evenly(jax.random.key(0), bigram, table, jnp.array([[0]]), chain(),
    ...                     samples=10, max_new_tokens=1)
    >>> out.tokens[0, :, 0]  # the probabilities are .1, .7, .1 and .1
    Array([0, 1, 1, 1, 1, 1, 1, 1, 2, 3], dtype=int32)
    """
    count = positive_int("samples", samples)
    length = positive_int("max_new_tokens", max_new_tokens)
    prompts = check_prompts(prompts, model.streams)
    evenly: Any = _Evenly(sampler) if isinstance(sampler, Transform) else sampler
    decoding = prefill(
        key,
        model,
        params,
        prompts,
        evenly,
        max_length=prompts.shape[-1] + length if max_length is None else max_length,
        lengths=lengths,
        budget=budget,
        samples=count,
    )
    inner, points = decoding.state
    points = points._replace(code=_lattice(*on_device((key,)), points.code, count))
    return resume(
        model,
        params,
        decoding._replace(state=(inner, points)),
        evenly,
        max_new_tokens=length,
        eos=eos,
        stop=stop,
        pad=pad,
        samples=count,
        record=record,
    )


class _Point(NamedTuple):
    """A row's point in the interval of what is written, and the source of its lower bits."""

    code: jax.Array
    words: jax.Array
    n: jax.Array


@dataclasses.dataclass(frozen=True)
class _PointedRow(Row):
    """A row whose token is the one that owns a code in [0, 2**BITS)."""

    code: jax.Array = dataclasses.field(default_factory=lambda: jnp.int32(0))

    def draw(self, key: jax.Array) -> jax.Array:
        del key
        return jnp.where(self.valid, self.owner()[0], -1)

    def owner(self) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Return the token that owns the code, the code's place in its interval, its mass."""
        weights = jnp.exp(self.whole - self.max)
        scale = 2.0**BITS * (1 - SLACK) / self.sum(jnp.exp)
        masses = jnp.floor(weights * scale).astype(jnp.int32)
        top = jnp.argmax(weights)
        rest = 2**BITS - jnp.sum(masses, dtype=jnp.int32)
        masses = masses.at[top // masses.shape[1], top % masses.shape[1]].add(rest)
        block, code = _find(jnp.sum(masses, axis=1, dtype=jnp.int32), self.code)
        inside = masses[block]
        place, code = _find(inside, code)
        return block * masses.shape[1] + place, code, inside[place]


def _find(masses, code):
    """Return the place that owns the code, and the code minus the masses before that place."""
    ends = jnp.cumsum(masses, dtype=jnp.int32)
    place = jnp.sum(ends <= code, dtype=jnp.int32)
    return place, code - ends[place] + masses[place]


@transform
class _Evenly(Transform):
    """A sampler whose rows draw by a point."""

    inner: Any = field()

    def init(self, key: Any, prompt: Any) -> Any:
        key = one_key(key)
        point = _Point(jnp.int32(0), jax.random.key_data(fold_in(key, 1)), jnp.int32(0))
        return self.inner.init(fold_in(key, 0), prompt), point

    def through(self, row, state, hidden):
        final, received = self.inner.through(row, state[0], hidden)
        parts = {f.name: getattr(final, f.name) for f in dataclasses.fields(Row)}
        pointed = _PointedRow(**parts, code=state[1].code)
        return pointed, (received, pointed)

    def settle(self, received, state, token, hidden):
        received, row = received
        inner = self.inner.settle(received, state[0], token, hidden)
        code, words, n = state[1]
        _, place, mass = row.owner()
        key = jax.random.wrap_key_data(words, impl="threefry2x32")
        rest = uniform(key, REST_STREAM, n)
        code = _code((place.astype(jnp.float32) + rest) / mass.astype(jnp.float32), key, n)
        return inner, _Point(code, words, n + 1)


@functools.partial(jax.jit, static_argnums=2)
def _lattice(key, codes, count):
    """Return codes `[B * count]`: evenly spaced, with one random shift for each prompt.

    The given codes are 0. The new ones lie on the same devices.
    """

    def of_row(key):
        index = jnp.arange(count, dtype=jnp.uint32)
        shift = uniform(key, REST_STREAM, jnp.uint32(0))
        return _code((index.astype(jnp.float32) + shift) / count, key, index)

    def of_rows(codes, key):
        keys = row_keys(key, codes.shape[0] // count)
        return codes + jax.vmap(of_row)(fold_in(keys, 2)).reshape(-1)

    return in_auto(of_rows, alike)(codes, key)


def _code(x, key, index):
    """Turn numbers in [0, 1) into codes whose lowest bits are random."""
    high = jnp.minimum(x * 2.0**EXACT, 2.0**EXACT - 1).astype(jnp.int32) << (BITS - EXACT)
    low = bits(key, LOW_STREAM, index) >> (32 - (BITS - EXACT))
    return high + low.astype(jnp.int32)
