"""A window gives the tokens, values and records of the whole row, bit for bit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    DynamicTemperature,
    EntropyTemperature,
    MinP,
    Mirostat,
    Model,
    ModelOutput,
    Temperature,
    TopK,
    TopP,
    TopPDecay,
    Transform,
    Typical,
    chain,
    draw,
    generate,
    sample,
    stack,
    transform,
)
from jaxsample.decode._tiers import WINDOW, draw_through
from jaxsample.kernels._ranked import WIDTH
from jaxsample.kernels._tree import BLOCK
from jaxsample.transforms.rows._row import Row
from jaxsample.transforms.rows._window import ROWS, Window
from tests import toys
from tests.table import swept

V = BLOCK * WIDTH + 391  # seven blocks more than a window holds; the last one is not full


def _inputs():
    rng = np.random.default_rng(0)
    flat = rng.standard_normal(V)
    peaked = rng.permutation(-1.5 * np.log(np.arange(1, V + 1))) + 0.3 * flat
    third = np.arange(V) % (V // 10) == 3
    return {
        "peaked": peaked,
        "flat": flat,
        "ties": np.asarray(jnp.asarray(peaked, jnp.bfloat16), np.float32),
        "constant": np.zeros(V),
        "nine tenths masked": np.where(rng.random(V) < 0.9, -np.inf, flat),
        "ten left": np.where(third, flat, -np.inf),
        "peaked in one block": np.where(np.arange(V) < 40, 20.0 + flat, flat),
        "nan": np.where(np.arange(V) == 7, np.nan, flat),
        "empty": np.full(V, -np.inf),
        "+inf": np.where(np.arange(V) % 999 == 7, np.inf, flat),
    }


def _nearest_masses(row):
    """Return shares of the mass at which `Typical` gains its next token."""
    below = np.float64(row) - row.max()
    q = np.exp(below) / np.exp(below).sum()
    order = np.argsort(np.abs(below - (q * below).sum()))
    return [np.float32(np.cumsum(q[order])[i]) for i in (0, 3, 9, 20, 40)]


INPUTS = {name: np.float32(row) for name, row in _inputs().items()}
BANK = np.stack([row for row in INPUTS.values() for _ in range(2)])
KEYS = jax.random.split(jax.random.key(1), len(BANK))
P = (0.0, 1e-7, 0.9, 0.999999, 1.0)
K = (1, 50, 64, 65, V + 1)
# The settings of each entry have one structure and share a compiled program.
SAMPLERS = {
    "top-k, top-p": [chain(TopK(k), TopP(0.9)) for k in K],
    "top-p": [TopP(p) for p in P],
    "temperature, min-p": [chain(Temperature(t), MinP(0.05)) for t in (0, 0.8, 50.0)],
    "edt, top-p": [chain(EntropyTemperature(1, t), TopP(0.9)) for t in (-0.5, 0, 0.5)],
    "top-p, top-k": [chain(TopP(p), TopK(50)) for p in P],
    "min-p, top-p": [chain(MinP(m), TopP(0.5)) for m in (0, 0.1)],
    "a function first": [chain(jnp.negative, TopK(64), TopP(0.5))],
    "counts first": [chain(Temperature(0.7), toys.halve, TopK(40), MinP(0.2))],
    "filters between temperatures": [
        chain(MinP(0.01), Temperature(1.5), TopK(40), Temperature(0.5), MinP(0.2))
    ],
    "no filter": [chain(Temperature(0.7))],
    "mirostat, dynamic temperature, decay": [
        chain(Mirostat(tau, 0.1), DynamicTemperature(0.5, 2.0), TopPDecay(p, 0.9))
        for tau, p in ((2.0, 0.9), (4.0, 1.0), (np.inf, 0.5))
    ],
    "typical": [Typical(p) for p in (*P, 0.2, *_nearest_masses(INPUTS["peaked"]))],
    "k, typical, t, p, typical, min-p": [
        chain(TopK(k), Typical(p), Temperature(t), TopP(0.9), Typical(0.8), MinP(0.02))
        for p, k, t in zip(P, K, (0, 0.7, 1.5, 0.7, 0.7), strict=True)
    ],
    "mirostat of version 1": [Mirostat(tau, 0.1, 1) for tau in (0.5, 2.0, 5.0)],
}


@jax.jit
def both(keys, rows, sampler):
    dense = jax.vmap(lambda key, row: draw(key, sampler(row)))(keys, rows)
    return dense, jax.vmap(sample, in_axes=(0, 0, None))(keys, rows, sampler)


QUICK = (
    "top-k, top-p",
    "edt, top-p",
    "typical",
)


@pytest.mark.parametrize("name", swept(SAMPLERS, QUICK))
def test_sample_is_the_draw_from_the_whole_row(name):
    for sampler in SAMPLERS[name]:
        dense, fast = both(KEYS, BANK, sampler)
        np.testing.assert_array_equal(fast, dense, err_msg=repr(sampler))


@pytest.mark.parametrize(
    "sampler",
    [
        chain(TopK(50), TopP(0.9)),
        chain(EntropyTemperature(1.0, 0.3), TopP(0.8)),
        chain(TopK(20), Typical(0.5)),
        pytest.param(chain(Temperature(0.7), TopP(0.9), MinP(0.05)), marks=pytest.mark.full),
        pytest.param(Typical(0.5), marks=pytest.mark.full),
        pytest.param(chain(TopP(0.8), Typical(0.5), Typical(0.5)), marks=pytest.mark.full),
    ],
    ids=repr,
)
def test_a_window_that_could_know_does(sampler):
    row = INPUTS["peaked"]
    assert _exact(sampler, row, np.where(row >= np.sort(row)[-44], row, -np.inf))


def test_a_window_knows_how_many_are_tied():
    row = np.full(V, -5.0, np.float32)
    row[: BLOCK + 6] = 0.0
    assert _exact(chain(EntropyTemperature(1.0, 0.3), MinP(0.5)), row)


def _exact(sampler, *rows):
    def exact(key, row):
        return draw_through(WINDOW, key, row, sampler, sampler.init(None, None), None).exact

    return np.all(jax.jit(jax.vmap(exact, axis_name=ROWS))(KEYS[: len(rows)], np.stack(rows)))


def test_one_row_and_mixed_rows():
    settings = [chain(TopK(k), TopP(p)) for k in (1, 50, V) for p in (0.5, 1.0)]
    keys, rows = KEYS[:6], BANK[2:8]
    mixed = jax.jit(jax.vmap(sample))(keys, rows, stack(settings))
    one = jax.jit(lambda key, row, sampler: (draw(key, sampler(row)), sample(key, row, sampler)))
    for i, sampler in enumerate(settings):
        dense, alone = one(keys[i], rows[i], sampler)
        assert mixed[i] == dense == alone


@pytest.mark.parametrize("windowed", [False, True])
def test_a_set_transform_sees_a_window_if_it_says_so(windowed):
    seen = set()

    @transform(kind="set", windowed=windowed)
    class Near(Transform):
        def on(self, row, state=None, hidden=None):
            seen.add(type(row))
            return row.keep_nearest(jnp.float32(-1.0), 0.5, row.sum(jnp.exp))

    jax.eval_shape(sample, KEYS[0], INPUTS["flat"], Near())
    assert seen == ({Row, Window} if windowed else {Row})


@jax.jit
def answers(values, share, k, floor):
    """Return the values of the row's methods and of its window's, before and after a filter."""

    def ask(row):
        yield row.max, row.kth(k), row.value_at(jnp.exp, share), row.sum(jnp.exp), row.count
        yield row.value_at(lambda d: -d * jnp.exp(d), share), row.largest(20), row.value(5)
        yield (row.ties,)

    def said(row):
        row = row.divide(0.7)
        kept = row.keep(row.max - floor)
        mass, moment = kept.sum(jnp.exp, lambda d: d * jnp.exp(d))
        near = kept.keep_nearest(moment / mass, share, mass)
        rows = row, kept, kept.divide(1.3), near, near.divide(1.3)
        exact = [getattr(r, "exact", True) for r in rows]
        said = [[a for some in ask(r) for a in some] for r in rows]
        return [jnp.where(ok, a, jnp.nan) for ok, r in zip(exact, said, strict=True) for a in r]

    def seen(values):
        return said(Window.of(Row.of(values), lambda: Row.of(values)))

    (window,) = jax.vmap(lambda x: (seen(x),), axis_name=ROWS)(values[None])
    return said(Row.of(values)), jax.tree.map(lambda x: x[0], window)


ROWS_ASKED = ["peaked", "flat", "ties", "constant", "peaked in one block"]


@pytest.mark.parametrize("name", swept(ROWS_ASKED, ["peaked", "ties"]))
def test_a_window_answers_exactly_or_with_nan(name):
    values = INPUTS[name]
    order = np.sort(values)[::-1].astype(np.float64) / 0.7
    masses = np.cumsum(np.exp(order - order[0]))
    # At the cumulative masses themselves, sums in another order give other sets.
    edges = [masses[i] / masses[-1] for i in (3, 40, 63)]
    known = 0
    for share, k in zip([*edges, 0.0, 1.0], K, strict=True):
        for floor in (0.5, 3.0):
            whole, window = answers(values, np.float32(share), k, np.float32(floor))
            for mine, theirs in zip(window, whole, strict=True):
                mine, theirs = (np.asarray(x, np.float32) for x in (mine, theirs))
                knows = ~np.isnan(mine)
                known += knows.sum()
                # If comparisons flush subnormals, bisection may stop at a subnormal next to 0.
                mine, theirs = (np.where(np.abs(x) < 2e-38, 0, x) for x in (mine, theirs))
                np.testing.assert_array_equal(mine[knows], theirs[knows])
    assert known > 300  # the window computes most values


def _apply(params, tokens, positions, cache):
    return ModelOutput(params[tokens % 64], None, cache)


MODEL = Model(lambda batch, length: jnp.zeros((batch, 1)), _apply)
TABLE = np.stack(
    [INPUTS[n] * s for s in (1, 3) for n in ("peaked", "flat", "ties", "ten left")] * 8
)
RECORD = ("logprobs", "model_logprobs", "entropy", "kept", ("support", 70), ("top", 3))


GENERATED = {
    "filters": chain(Temperature(0.9), TopK(50), TopP(0.9)),
    "stateful order": chain(EntropyTemperature(1.0, 0.2), toys.Nucleus(0.9, 0.97)),
    "stateful token": chain(toys.Counts(0.5), MinP(0.1)),
    "no filter": toys.Probe(),
    "mirostat": chain(TopPDecay(0.99, 0.9), Mirostat(3.0, 0.5)),
    "typical": chain(Typical(0.5), Temperature(0.9), toys.Nucleus(0.99, 0.97)),
}


@pytest.mark.parametrize("name", swept(GENERATED, ["stateful token"]))
def test_generate_through_windows_equals_generate_through_rows(name, monkeypatch, counted):
    sampler = GENERATED[name]

    def run():
        model = MODEL._replace(apply=functools.partial(_apply))  # a new model traces again
        prompts = np.array([[3], [9], [17], [20], [33]])
        got = generate(
            jax.random.key(2), model, TABLE, prompts, sampler, max_new_tokens=8, record=RECORD
        )
        return got._replace(decoding=got.decoding.state)

    fast = run()
    no_window = counted(lambda row, again: None)
    monkeypatch.setattr(Window, "of", no_window)
    dense = run()
    assert no_window.traces
    for name in ("tokens", "kept", "support", "lengths"):
        jax.tree.map(np.testing.assert_array_equal, getattr(fast, name), getattr(dense, name))
    # The order of sums is fixed, but two programs may round exp differently.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), fast, dense)


@pytest.mark.slow
def test_gradients_are_those_of_the_whole_row():
    def loss(t, p):
        got = generate(
            jax.random.key(2),
            MODEL,
            TABLE,
            np.array([[3], [9]]),
            chain(Temperature(t), TopK(50), TopP(p)),
            max_new_tokens=3,
            early_stop=False,
        )
        return jnp.mean(got.logprobs)

    slope, zero = jax.grad(loss, argnums=(0, 1))(0.8, 0.9)
    h = 1e-2
    # Central differences have an error of order h**2; so small a change keeps the tokens.
    np.testing.assert_allclose(
        slope, (loss(0.8 + h, 0.9) - loss(0.8 - h, 0.9)) / (2 * h), rtol=1e-2
    )
    assert zero == 0
