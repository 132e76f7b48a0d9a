"""The program of test_axes.py, which needs a process with 8 virtual devices.

`python -m tests.decode.axes_program NAME ..` runs the named cases and prints one line for each: its
name and "ok", or its name and what went wrong. `CASES` has every name.
"""

import contextlib
import functools
import sys
import traceback

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxsample import (
    FrequencyPenalty,
    Guidance,
    Model,
    ModelOutput,
    Temperature,
    TopK,
    TopP,
    Watermark,
    beam,
    best,
    chain,
    detect,
    draw,
    generate,
    guided,
    sample,
    sample_evenly,
    sample_without_replacement,
    score,
    stream,
)
from jaxsample.learn import Examples, KernelScore, PolicyGradient, fit, hamming

B, V, LONG = 8, 512, 8192
KINDS = {"auto": AxisType.Auto, "explicit": AxisType.Explicit}
SHARDED = {"vocabulary": (None, "vocab"), "batch": ("data", None), "both": ("data", "vocab")}
DEVICES = {"vocabulary": (1, 8), "batch": (8, 1), "both": (2, 4)}
CONTEXTS = "arguments alone", "set_mesh"
# Inside and outside of `jax.set_mesh` with both dimensions sharded, and each dimension alone once.
EXPLICIT = [
    *(f"explicit-both-{context}" for context in CONTEXTS),
    "explicit-vocabulary-arguments alone",
    "explicit-batch-set_mesh",
]

SAMPLER = chain(Temperature(0.8), TopK(200), TopP(0.9))
TABLE = np.float32(2 * np.random.default_rng(1).standard_normal((V, V)))
PROMPTS = np.arange(2 * B, dtype=np.int32).reshape(B, 2)
LOGITS = np.float32(2 * np.random.default_rng(2).standard_normal((B, LONG)))
ADAM = optax.adam(0.1)


def _looked_up(table, tokens, positions, cache):
    """Look the logits up by a product, which needs no word about axes on any mesh and is exact."""
    del positions
    onehot = jax.nn.one_hot(tokens, V, dtype=jnp.float32)
    return ModelOutput(jnp.matmul(onehot, table, precision="highest"), None, cache)


def _named(axes, table, tokens, positions, cache):
    """Look the logits up by a gather that names the axes, as a model for explicit axes must."""
    del positions
    rows, vocabulary = axes
    return ModelOutput(
        table.at[tokens].get(out_sharding=P(rows, None, vocabulary)),
        None,
        cache + jnp.ones_like(cache),
    )


def _named_cache(axes, batch, max_length):
    return jnp.zeros((batch, max_length), out_sharding=P(axes[0], None))


MODEL = Model(lambda batch, max_length: (), _looked_up)


class Place:
    """A way to put arrays on devices; without a name, on one device."""

    def __init__(self, name=None):
        self.mesh, self.axes = None, (None, None)
        self.inside = contextlib.nullcontext
        if name is not None:
            kind, sharded, context = name.split("-")
            self.axes = SHARDED[sharded]
            types = (KINDS[kind],) * 2
            self.mesh = jax.make_mesh(DEVICES[sharded], ("data", "vocab"), axis_types=types)
            if context == "set_mesh":
                self.inside = functools.partial(jax.set_mesh, self.mesh)

    def put(self, x, *axes):
        """Put an array there, its dimensions sharded over the given axes: 0, 1 or None."""
        if self.mesh is None:
            return x
        names = (None if axis is None else self.axes[axis] for axis in axes)
        return jax.device_put(x, NamedSharding(self.mesh, P(*names)))


def drawn(place):
    keys = place.put(jax.random.split(jax.random.key(0), B), 0)
    return jax.jit(jax.vmap(draw))(keys, place.put(LOGITS, 0, 1))


def sampled(place):
    keys = place.put(jax.random.split(jax.random.key(0), B), 0)
    rows = jax.jit(jax.vmap(sample, in_axes=(0, 0, None)))
    return rows(keys, place.put(LOGITS, 0, 1), SAMPLER)


def sampled_eagerly(place):
    keys = place.put(jax.random.split(jax.random.key(0), B), 0)
    return jax.vmap(sample, in_axes=(0, 0, None))(keys, place.put(LOGITS, 0, 1), SAMPLER)


def sampled_one_row(place):
    return sample(jax.random.key(3), place.put(LOGITS[0], 1), SAMPLER)


def transformed(place):
    return jax.jit(jax.vmap(SAMPLER))(place.put(LOGITS, 0, 1))


def derived(place):
    """The derivative of a likelihood in a temperature and in the logits."""

    def loss(sampler, logits):
        return jnp.sum(jax.vmap(lambda row: jax.nn.logsumexp(sampler(row)))(logits))

    derivative = jax.jit(jax.grad(loss, argnums=(0, 1)))
    return derivative(Temperature(0.8), place.put(LOGITS, 0, 1))


def generated(place, model=MODEL):
    table, prompts = place.put(TABLE, None, 1), place.put(PROMPTS, 0, None)
    record = "logprobs", "entropy", "kept", ("support", 4), ("top", 3)
    options = dict(max_new_tokens=4, record=record)
    out = generate(jax.random.key(1), model, table, prompts, SAMPLER, **options)
    return out._replace(decoding=None)


def generated_by_a_model_that_names_axes(place):
    if place.mesh is None:
        return generated(place)
    init, apply = functools.partial(_named_cache, place.axes), functools.partial(_named, place.axes)
    return generated(place, Model(init, apply))


def scored(place):
    table, prompts = place.put(TABLE, None, 1), place.put(PROMPTS, 0, None)
    tokens = place.put(np.tile(np.arange(7, 10, dtype=np.int32), (B, 1)), 0, None)
    return score(MODEL, table, prompts, tokens, SAMPLER)


def fitted(place):
    """Texts with their logits on the mesh; the temperature after a few steps."""
    rows = np.random.default_rng(4).standard_normal((B, 3, V))
    texts = Examples(
        place.put(np.int32(np.argmax(rows, -1)), 0, None),
        logits=place.put(np.float32(rows), 0, None, 1),
    )
    options = dict(steps=3, batch_size=B, every=3, optimizer=ADAM)
    key = jax.random.key(0)
    return fit(key, chain(Temperature(1.0), TopK(300)), None, None, texts, **options).sampler


def fitted_to_a_model(place):
    """Texts alone; the model runs on the mesh."""
    texts = Examples(np.tile(np.arange(3, dtype=np.int32), (B, 1)), prompts=PROMPTS)
    options = dict(steps=3, batch_size=B, every=3, optimizer=ADAM)
    table = place.put(TABLE, None, 1)
    key = jax.random.key(0)
    return fit(key, Temperature(1.0), MODEL, table, texts, **options).sampler


def fitted_by_drawing(place):
    """Groups of texts that the sampler draws, and their credit."""
    prompts = place.put(PROMPTS, 0, None)
    texts = Examples(np.tile(np.arange(3, dtype=np.int32), (B, 1)), prompts=prompts)
    objective = PolicyGradient(
        KernelScore(hamming), samples=3, max_new_tokens=3, epochs=2, clip=0.2, kl=0.1
    )
    options = dict(steps=1, batch_size=B, objective=objective)
    table = place.put(TABLE, None, 1)
    key = jax.random.key(0)
    return fit(key, Temperature(1.0), MODEL, table, texts, held_out=texts, **options).sampler


def streamed_in_samples_of_two_streams(place):
    """A guided model, samples, a sampler with state, and chunks."""
    guidance = Guidance(2.0)
    params = place.put(TABLE, None, 1), guidance
    prompts = place.put(np.stack([PROMPTS, PROMPTS + 1], axis=1), 0, None, None)
    options = dict(max_new_tokens=3, chunk=2, samples=2, eos=5)
    sampler = chain(FrequencyPenalty(0.5), TopP(0.9))
    parts = stream(jax.random.key(1), guided(MODEL, guidance), params, prompts, sampler, **options)
    return [part._replace(decoding=None) for part in parts]


def searched(place):
    """Beams, distinct and even texts of a sampler with state."""
    given = MODEL, place.put(TABLE, None, 1), place.put(PROMPTS, 0, None)
    sampler, key = chain(FrequencyPenalty(0.5), TopP(0.9)), jax.random.key(1)
    options = dict(max_new_tokens=3, eos=5, record=("logprobs",))
    beams = beam(*given, sampler, beams=3, returned=2, **options)
    distinct = sample_without_replacement(key, *given, sampler, samples=3, **options)
    evenly = sample_evenly(key, *given, sampler, samples=3, **options)
    return beams, distinct, best(evenly, -evenly.logprobs.sum(axis=2))._replace(decoding=None)


def detected(place):
    texts = np.random.default_rng(5).integers(0, 99, (B, 9))
    return jax.vmap(lambda text: detect(Watermark(key=7), text))(place.put(texts, 0, None))


def _by_name(*runs):
    return {run.__name__.replace("_", " "): run for run in runs}


# Each of the first runs on every mesh. The second differ from them by a wrapper, so that one way of
# sharding is enough, and a model that names axes needs to be inside `jax.set_mesh`. On Auto axes
# outside of it, test_mesh.py generates and test_vocab.py samples.
EVERYWHERE = _by_name(drawn, sampled, generated, scored, fitted)
ONCE = _by_name(
    sampled_eagerly,
    sampled_one_row,
    transformed,
    derived,
    fitted_to_a_model,
    fitted_by_drawing,
    streamed_in_samples_of_two_streams,
    searched,
    detected,
)
NAMED = _by_name(generated_by_a_model_that_names_axes)
DOORS = EVERYWHERE | ONCE | NAMED
CASES = [
    *(f"{door}-auto-both-set_mesh" for door in EVERYWHERE),
    *(f"{door}-{place}" for door in EVERYWHERE for place in EXPLICIT),
    *(f"{door}-explicit-both-{context}" for door in ONCE for context in CONTEXTS),
    *(f"{door}-explicit-both-set_mesh" for door in NAMED),
]


@functools.cache
def expected(door):
    return jax.device_get(DOORS[door](Place()))


def run(case):
    door, _, name = case.partition("-")
    want = expected(door)
    place = Place(name)
    with place.inside():
        got = jax.device_get(DOORS[door](place))
    for a, b in zip(jax.tree.leaves(want), jax.tree.leaves(got), strict=True):
        if np.issubdtype(np.asarray(a).dtype, np.integer) or door == "transformed":
            np.testing.assert_array_equal(a, b)
        else:
            # Means over the batch and sums over the vocabulary that are split over devices add in
            # another order: a few ulp of numbers below 100.
            np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-5)


def main(cases):
    assert jax.device_count() == 8
    for case in cases:
        try:
            run(case)
        except Exception as error:  # report every case
            traceback.print_exc()
            print(f"{case}: {type(error).__name__}: {' '.join(str(error).split())}", flush=True)
        else:
            print(f"{case}: ok", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or CASES)
