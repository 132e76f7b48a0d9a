"""Filters of a user's own that branch on what a row answers: `sample` draws the tokens of `draw`.

And the whole row answers as numpy does. Each edge or filter meets every row of tests/long_rows.py
under several settings of (k, gap), a few edges per compiled program.
"""

import functools

import jax
import numpy as np
import pytest
from jax.tree_util import Partial

from jaxsample import Function, MinP, Temperature, TopK, TopP, chain, draw, sample
from tests.edges import EDGES, Edge, OneOf
from tests.long_rows import rows
from tests.oracles.row import ReferenceRow
from tests.own_filters import (
    AboveTheMean,
    AboveTheMedian,
    Heat,
    Lift,
    Many,
    Members,
    Nearest,
    scale,
)
from tests.table import swept

SETTINGS = {
    50: ((3, 1.0), (10, 3.0), (20, 8.0)),
    5000: ((3, 1.0), (64, 3.0), (65, 4.0), (100, 5.0), (300, 8.0)),
    32000: ((64, 3.0), (100, 5.0), (300, 8.0)),
}
QUICK = [("first", 5000)]
# What the edges of "first" ask, "ranks" and "counts" ask too. Both long sizes rank cells of tokens;
# the longest is for answers that need the most of a row, and for the filters further below.
GROUPS = [*QUICK, *((group, size) for group in EDGES if group != "first" for size in (50, 5000))]
GROUPS += [("ranks", 32000), ("shares", 32000)]
# Sums are float32. A row is judged against numpy if a change of every sum by this share of itself
# changes nothing that is kept.
NUDGE = 1e-5


@jax.jit
def drawn(keys, logits, samplers):
    """The tokens of `sample` and of `draw`, and the logits that `draw` got; a sampler per row."""

    def one(key, row, sampler):
        shaped = sampler(row)
        return sample(key, row, sampler), draw(key, shaped), shaped

    return jax.vmap(one)(keys, logits, samplers)


def drawn_by(samplers, logits):
    """The result of `drawn`, under a key per row."""
    keys = jax.random.split(jax.random.key(logits.shape[1]), len(logits))
    return [np.asarray(x) for x in drawn(keys, logits, samplers)]


def crossed(size, *lists):
    """Every row of the size with every element of the lists: names, logits, and their columns."""
    bank = rows(size)
    grid = np.stack(np.meshgrid(*map(np.arange, map(len, (bank, *lists))), indexing="ij"))
    at, *picks = grid.reshape(len(grid), -1)
    logits = np.stack(list(bank.values()))[at]
    columns = [[values[i] for i in pick] for values, pick in zip(lists, picks, strict=True)]
    return [list(bank)[i] for i in at], logits, columns


def check_tokens(names, fast, exact, shaped):
    """Assert that the two tokens of every row are equal, and -1 if the row is invalid."""
    wrong = [name for name, a, b in zip(names, fast, exact, strict=True) if a != b]
    assert not wrong, f"{len(wrong)} of {len(names)} rows drew another token"
    np.testing.assert_array_equal(exact == -1, np.isnan(shaped).all(axis=1))


def check_kept(names, filters, logits, shaped):
    """Assert that each filter kept what it keeps by numpy, where rounding cannot decide."""
    judged, wrong = 0, []
    for name, one, row, got in zip(names, filters, logits, shaped, strict=True):
        if np.isnan(row).any() or row.max() == -np.inf:
            continue
        with jax.disable_jit():
            sets = [one.on(ReferenceRow.of(row, nudge)).kept for nudge in (0.0, NUDGE, -NUDGE)]
        if all((other == sets[0]).all() for other in sets):
            judged += 1
            if ((got > -np.inf) != sets[0]).any():
                wrong.append((*name, int((got > -np.inf).sum()), int(sets[0].sum())))
    assert not wrong, f"{len(wrong)} of {judged} rows kept other tokens"
    assert judged > 0.6 * len(names)


@functools.cache
def group_drawn(group, size):
    """Names of (edge, k, gap, row), their filters and rows, and what was drawn."""
    edges = EDGES[group]
    kinds, logits, (which, settings) = crossed(size, range(len(edges)), SETTINGS[size])
    picked = list(zip([edges[w] for w in which], settings, kinds, strict=True))
    names = [(edge.__name__, *setting, kind) for edge, setting, kind in picked]
    filters = [Edge(*setting, edge) for edge, setting, _ in picked]
    k, gap = np.array(settings).T
    samplers = OneOf(np.array(which, np.int32), np.int32(k), np.float32(gap), edges)
    return names, filters, logits, drawn_by(samplers, logits)


@pytest.mark.parametrize("group, size", swept(GROUPS, QUICK))
def test_every_branch_on_an_answer_is_the_right_one(group, size):
    names, _, _, tokens = group_drawn(group, size)
    check_tokens(names, *tokens)


@pytest.mark.parametrize("group, size", swept(GROUPS, QUICK))
def test_the_whole_row_answers_as_numpy(group, size):
    names, filters, logits, (_, _, shaped) = group_drawn(group, size)
    check_kept(names, filters, logits, shaped)


BEFORE = (  # temperature, k, p, lift, factor: one after the other, and all together
    (1.0, TopK.off, 1.0, 0.0, 1.0),
    (0.5, TopK.off, 1.0, 0.0, 1.0),
    (1.0, 150, 1.0, 0.0, 1.0),
    (1.0, TopK.off, 0.95, 0.0, 1.0),
    (1.0, TopK.off, 1.0, 2.0, 1.0),
    (1.0, TopK.off, 1.0, 0.0, 0.5),
    (1.5, 1000, 0.99, 1.0, 1.5),
)


@pytest.mark.full
@pytest.mark.parametrize("group, size", [("ranks", 5000), ("counts", 5000), ("shares", 32000)])
def test_chains_before_and_after_them(group, size):
    edges = EDGES[group][:3]
    kinds, logits, (which, settings, before) = crossed(
        size, range(len(edges)), SETTINGS[size][1:2], BEFORE
    )
    names = list(zip([edges[w].__name__ for w in which], settings, before, kinds, strict=True))
    k, gap = np.array(settings).T
    t, top, p, lift, factor = np.array(before).T
    samplers = chain(
        Lift(np.float32(lift)),
        Function(Partial(scale, np.float32(factor))),
        Temperature(np.float32(t)),
        TopK(np.int32(top)),
        TopP(np.float32(p)),
        OneOf(np.array(which, np.int32), np.int32(k), np.float32(gap), edges),
        MinP(np.full(len(t), 0.01, np.float32)),
    )
    check_tokens(names, *drawn_by(samplers, logits))


@functools.cache
def made_drawn(make, size):
    """Names of (k, gap, row), their filters and rows, and what was drawn."""
    kinds, logits, (settings,) = crossed(size, SETTINGS[size])
    names = [(*setting, kind) for setting, kind in zip(settings, kinds, strict=True)]
    k, gap = np.array(settings).T
    filters = [make(*setting) for setting in settings]
    return names, filters, logits, drawn_by(make(np.int32(k), np.float32(gap)), logits)


def name(make):
    return make.__name__


@pytest.mark.full
@pytest.mark.parametrize("make", [Heat, Nearest, Many], ids=name)
@pytest.mark.parametrize("size", SETTINGS)
def test_changes_of_the_row_and_more_than_64_values(make, size):
    names, filters, logits, tokens = made_drawn(make, size)
    check_kept(names, filters, logits, tokens[-1])
    check_tokens(names, *tokens)


WHOLE = [AboveTheMean, AboveTheMedian, Members]


@pytest.mark.full
@pytest.mark.parametrize("make", WHOLE, ids=name)
def test_whole_arrays_are_exact_or_refused_while_tracing(make):
    """`values`, `kept`, `logits` and `only` are those of the row, or the error says what to do."""
    row = rows(5000)["normal"]
    jax.eval_shape(lambda row: make(100, 5.0)(row), row)  # a transform alone has the whole row
    try:
        jax.eval_shape(lambda row: sample(jax.random.key(0), row, make(100, 5.0)), row)
    except ValueError as refusal:
        assert "__call__" in str(refusal) or "kind" in str(refusal)
    else:
        names, filters, logits, tokens = made_drawn(make, 32000)
        check_kept(names, filters, logits, tokens[-1])
        check_tokens(names, *tokens)
