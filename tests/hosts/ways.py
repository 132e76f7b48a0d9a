"""Decoding, scores, a training and a sweep, by two hosts together or by one process alone."""

import json
import shutil
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsample import (
    FrequencyPenalty,
    MinP,
    Model,
    ModelOutput,
    Temperature,
    TopP,
    chain,
    generate,
    rollout,
    score,
    share,
    stack,
    stream,
)
from jaxsample.learn import Examples, fit
from jaxsample.study import Item, Source, grid, sweep
from jaxsample_models import TransformerConfig, shapes
from tests.study.models import WORDS, bigrams

B, V, NEW = 4, 128, 4
TABLE = np.float32(2 * np.random.default_rng(1).standard_normal((V, V)))
PROMPTS = np.arange(2 * B, dtype=np.int32).reshape(B, 2)
TEXTS = np.random.default_rng(2).integers(0, V, (B, NEW)).astype(np.int32)
ROLLED = [[i, i + 1, i + 2][: 1 + i % 3] for i in range(11)]
KEY = 3
ADAM = optax.adam(0.1)
SETTINGS = grid("t {t}", lambda t: Temperature(t), t=[0.5, 1.0, 1.5])
ITEMS = [Item("one", "w1"), Item("two", "w2 w3 w4")]
SWEEP = {"samples": 3, "max_new_tokens": 6, "batch_size": 4}
CONFIG = TransformerConfig(
    vocab_size=64, dim=16, layers=1, heads=4, kv_heads=2, head_dim=4, mlp_dim=32, max_length=16
)


def weights():
    """Return parameters of a transformer, the same ones in every process."""
    random = np.random.default_rng(5)
    return jax.tree.map(lambda leaf: np.float32(random.normal(size=leaf.shape)), shapes(CONFIG))


def _looked_up(table, tokens, positions, cache):
    return ModelOutput(table[tokens], None, cache + 1)


MODEL = Model(lambda batch, max_length: jnp.zeros((batch, 1), jnp.int32), _looked_up)


class Alone:
    """Everything on one device."""

    def table(self, x):
        """Place the model's parameters."""
        return x

    def rows(self, x):
        """Place an array `[B, ..]`."""
        return x


def _decoded(place, sampler, key=None, **options):
    key = jax.random.key(KEY) if key is None else key
    given = MODEL, place.table(TABLE), place.rows(PROMPTS), sampler
    return generate(key, *given, max_new_tokens=NEW, **options)._replace(decoding=None)


def plain(place):
    return _decoded(place, chain(Temperature(0.7), TopP(0.5)))


def whole_rows(place):
    """The tokens are drawn from more than the 64 largest."""
    return _decoded(place, chain(Temperature(3.0), TopP(0.99)))


def rows_with_their_keys(place):
    keys = jax.random.split(jax.random.key(KEY), B)
    return _decoded(place, chain(Temperature(0.7), TopP(0.5)), place.rows(keys))


def records(place):
    record = "logprobs", "model_logprobs", "entropy", "kept", ("support", 4), ("top", 3)
    return _decoded(place, chain(Temperature(0.7), MinP(0.1)), record=record)


def samples_with_state(place):
    sampler = chain(FrequencyPenalty(0.5), Temperature(0.7))
    return _decoded(place, sampler, samples=2, eos=5, record=())


def streamed_with_a_sampler_for_each_row(place):
    settings = stack([Temperature(t) for t in (0.5, 0.8, 1.0, 1.5)])
    given = MODEL, place.table(TABLE), place.rows(PROMPTS), settings
    options = dict(max_new_tokens=NEW, chunk=2, sampler_axes=0, record=())
    parts = stream(jax.random.key(KEY), *given, **options)
    return [part._replace(decoding=None) for part in parts]


def scored(place):
    sampler = chain(Temperature(0.7), MinP(0.1))
    return score(MODEL, place.table(TABLE), place.rows(PROMPTS), place.rows(TEXTS), sampler)


def fitted(place, folder=None, steps=4):
    texts = Examples(TEXTS, prompts=PROMPTS)
    options = dict(batch_size=B, every=2, optimizer=ADAM, held_out=texts, folder=folder)
    key = jax.random.key(KEY)
    found = fit(key, Temperature(1.0), MODEL, place.table(TABLE), texts, steps=steps, **options)
    return found.sampler, found.history


def copied(fit, to):
    """Copy a training without its metrics: a history then begins where the training resumes."""
    return shutil.copytree(fit, to, ignore=shutil.ignore_patterns("metrics.jsonl"))


def swept(place=np.asarray, **options):
    """Sweep with parameters that a function places."""
    source = bigrams()
    table = np.random.default_rng(3).standard_normal((len(WORDS), len(WORDS)))
    changed = {"params": {"table": place(np.float32(2 * table))}}
    checkpoint = SimpleNamespace(**vars(source.checkpoint) | changed)
    return sweep(Source(source.name, checkpoint), SETTINGS, ITEMS, **SWEEP, **options).rows


def written(file):
    """Return the number and the tokens in each whole line."""
    lines = file.read_text().splitlines(keepends=True)
    return [json.loads(line).values() for line in lines if line.endswith("\n")]


def rolled(folder, process):
    """Finish a rollout whose processes write to a folder; yield the number of each new line."""
    done = {index for file in folder.glob("*.jsonl") for index, _ in written(file)}
    finished = rollout(
        jax.random.key(KEY), MODEL, TABLE, share(ROLLED, done), Temperature(0.7), slots=2,
        max_length=16, max_new_tokens=12, eos=range(0, V, 8), record=(),
    )  # fmt: skip
    with open(folder / f"{len(done)}-{process}.jsonl", "w") as file:
        for one in finished:
            line = {"index": one.index, "tokens": one.tokens.tolist()}
            print(json.dumps(line), file=file, flush=True)
            yield one.index


DECODED = {
    way.__name__: way
    for way in (
        plain,
        whole_rows,
        rows_with_their_keys,
        records,
        samples_with_state,
        streamed_with_a_sampler_for_each_row,
        scored,
    )
}
