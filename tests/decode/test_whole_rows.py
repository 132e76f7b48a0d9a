"""The largest values of a row give the tokens and records of the whole row, bit for bit."""

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
    Typical,
    chain,
    draw,
    generate,
    sample,
    stack,
)
from jaxsample.kernels._largest import CELL, WIDTH
from jaxsample.transforms.rows._row import Row
from tests import toys
from tests.decode.unknowing import knows_nothing, let_rows_know, unknowing
from tests.rows import bits
from tests.table import swept

V = CELL * WIDTH + 391  # seven cells more than are ranked; the last block is not full


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


def test_one_row_and_mixed_rows():
    settings = [chain(TopK(k), TopP(p)) for k in (1, 50, V) for p in (0.5, 1.0)]
    keys, rows = KEYS[:6], BANK[2:8]
    mixed = jax.jit(jax.vmap(sample))(keys, rows, stack(settings))
    one = jax.jit(lambda key, row, sampler: (draw(key, sampler(row)), sample(key, row, sampler)))
    for i, sampler in enumerate(settings):
        dense, alone = one(keys[i], rows[i], sampler)
        assert mixed[i] == dense == alone


def test_many_draws_of_one_row_do_not_copy_it():
    keys = jax.random.split(jax.random.key(4), 500)
    many = jax.jit(jax.vmap(sample, in_axes=(0, None, None)))
    compiled = many.lower(keys, INPUTS["flat"], TopP(0.9)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 4 * 500 * V / 2
    rows = np.tile(INPUTS["flat"], (500, 1))
    np.testing.assert_array_equal(
        compiled(keys, INPUTS["flat"], TopP(0.9)),
        jax.vmap(sample, (0, 0, None))(keys, rows, TopP(0.9)),
    )


def _nearest(row, share):
    mass, moment = row.sum(jnp.exp, lambda d: d * jnp.exp(d))
    return row.keep_nearest(moment / mass, share, mass)


def _filtered(row, share, floor):
    return row.divide(0.7).keep(-floor)


STAGES = {
    "given": lambda row, share, floor: row,
    "divided": lambda row, share, floor: row.divide(0.7),
    "filtered and divided": lambda *args: _filtered(*args).divide(1.3),
    "nearest": lambda row, share, floor: _nearest(row, share),
    "filtered, nearest, divided": lambda row, share, floor: _nearest(
        _filtered(row, share, floor), share
    ).divide(1.3),
    "some tokens": lambda row, share, floor: row.only(jnp.arange(V) % 3 == 1, True).keep(-floor),
}


TERMS = jnp.exp, lambda d: -d * jnp.exp(d)


def ask(stage, values, share, k, floor):
    row = STAGES[stage](Row.of(values), share, floor)
    mass, moment = row.sum(jnp.exp, lambda d: d * jnp.exp(d))
    return row.valid, {
        "largest values": (row.max, row.ties, *row.ranked(20)),
        "ranks": (row.kth(k), row.count, row.ranked(64)[1]),
        # For a share of 1, the rounding of the total decides between -inf and the smallest value.
        "shares": [row.keep(row.value_at(term, share)).values for term in TERMS],
        "sums": (mass, moment),
        "tokens": (row.value(5), row.draw(jax.random.key(7))),
        "values": row.values,
    }


def _merging():
    """Return a row in which a division ties tokens: next to 30, numbers of 1e-8 are one number."""
    noise = 1e-8 * np.random.default_rng(2).standard_normal(V)
    return np.where(np.arange(V) == 900, 30.0, noise).astype(np.float32)


ASKED = np.stack([*INPUTS.values(), _merging()])
SHARES = (0.0, 1e-7, 0.2, 0.9, 0.999999, 1.0)


def _edges(row, at):
    """Return cumulative masses, where sums in another order would give other sets."""
    order = np.sort(row)[::-1].astype(np.float64) / 0.7
    masses = np.cumsum(np.exp(order - order[0]))
    return [masses[i] / masses[-1] for i in at]


@pytest.mark.parametrize("stage", swept(STAGES, ["filtered, nearest, divided"]))
def test_the_largest_values_answer_as_the_whole_row_does(stage):
    """All answers are the same, whether the largest values decide them or not."""
    in_axes = (None, 0, None, None, None)
    few, whole = (jax.jit(jax.vmap(f, in_axes), static_argnums=0) for f in (ask, unknowing(ask)))
    shares = [*SHARES, *_edges(INPUTS["peaked"], (3, 40, 63))]
    for share, k, floor in zip(shares, 2 * K, 5 * (0.5, 3.0), strict=False):
        given = ASKED, *np.float32([share]), *np.int32([k]), *np.float32([floor])
        (valid, mine), (theirs_valid, theirs) = few(stage, *given), whole(stage, *given)
        np.testing.assert_array_equal(valid, theirs_valid)
        for token in (mine["tokens"][1], theirs["tokens"][1]):
            np.testing.assert_array_equal(np.asarray(token) == -1, ~valid)
        for (path, one), other in zip(
            jax.tree.leaves_with_path(mine), jax.tree.leaves(theirs), strict=True
        ):
            said = f"{jax.tree_util.keystr(path)}, share {share}, k {k}, floor {floor}"
            if path[0].key == "sums" and stage not in ("given", "divided"):
                # A few kept tokens are summed by rank, and all of them by blocks. Either order
                # rounds by less than 2**-24 for each of some 30 levels of additions.
                np.testing.assert_allclose(one[valid], other[valid], rtol=1e-5, err_msg=said)
                continue
            np.testing.assert_array_equal(bits(one)[valid], bits(other)[valid], said)


def _apply(params, tokens, positions, cache):
    return ModelOutput(params[tokens % 64], None, cache)


MODEL = Model(lambda batch, length: jnp.zeros((batch, 1)), _apply)
TABLE = np.stack(
    [INPUTS[n] * s for s in (1, 3) for n in ("peaked", "flat", "ties", "ten left")] * 8
)
RECORD = ("logprobs", "model_logprobs", "entropy", "kept", ("support", 70), ("top", 3))


GENERATED = {
    "stateful order": chain(EntropyTemperature(1.0, 0.2), toys.Nucleus(0.9, 0.97)),
    "stateful token": chain(toys.Counts(0.5), MinP(0.1)),
    "no filter": toys.Probe(),
    "mirostat": chain(TopPDecay(0.99, 0.9), Mirostat(3.0, 0.5)),
}


@pytest.mark.parametrize("name", swept(GENERATED, ["stateful token"]))
def test_generate_from_the_largest_values_equals_generate_without(name, monkeypatch, counted):
    sampler = GENERATED[name]

    def run():
        model = MODEL._replace(apply=functools.partial(_apply))  # a new model traces again
        prompts = np.array([[3], [9], [17], [20], [33]])
        got = generate(
            jax.random.key(2), model, TABLE, prompts, sampler, max_new_tokens=8, record=RECORD
        )
        return got._replace(decoding=got.decoding.state)

    fast = run()
    nothing = counted(knows_nothing)
    let_rows_know(monkeypatch, nothing)
    whole = run()
    assert nothing.traces
    for name in ("tokens", "kept", "support", "lengths"):
        jax.tree.map(np.testing.assert_array_equal, getattr(fast, name), getattr(whole, name))
    # The order of sums is fixed, but two programs may round exp differently.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), fast, whole)


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
