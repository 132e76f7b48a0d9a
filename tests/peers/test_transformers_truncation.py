"""Filters, compared with the warpers of transformers: kept tokens and their probabilities."""

import jax
import numpy as np
import pytest

from jaxsample import Epsilon, Eta, MinP, TopH, TopK, TopP, Typical, chain
from tests.oracles import filters, truncation
from tests.oracles.common import compose

torch = pytest.importorskip("torch")
warpers = pytest.importorskip("transformers.generation.logits_process")
pytestmark = pytest.mark.peers

N, V = 1000, 128
EDGE = 1e-5
INF = np.inf


def _rows():
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((N, V)) * np.array([0.3, 1.0, 2.0, 6.0])[np.arange(N) % 4, None]
    rows[200:400] = np.round(2 * rows[200:400]) / 2  # ties
    rows[400:600][rng.random((200, V)) < 0.6] = -INF
    rows[600:620] = np.arange(20)[:, None] - 9.5  # all equal
    single = rng.integers(0, V, 20)
    rows[620:640] = -INF
    rows[np.arange(620, 640), single] = 1.25
    return np.float32(rows)


ROWS = _rows()
# Top-h reads the 100 likeliest tokens in transformers, and the whole row here.
SETTINGS = [
    {
        "typical": (Typical(p), filters.typical(p), warpers.TypicalLogitsWarper(p)),
        "epsilon": (Epsilon(e), filters.epsilon(e), warpers.EpsilonLogitsWarper(e)),
        "eta": (Eta(e), filters.eta(e), warpers.EtaLogitsWarper(e)),
        "top_h": (
            chain(TopK(100), TopH(h)),
            compose(truncation.top_k(100), filters.top_h(h)),
            warpers.TopHLogitsWarper(h),
        ),
        "top_k": (TopK(k), truncation.top_k(k), warpers.TopKLogitsWarper(k)),
        "top_p": (TopP(t), truncation.top_p(t), warpers.TopPLogitsWarper(t)),
        "min_p": (MinP(m), truncation.min_p(m), warpers.MinPLogitsWarper(m)),
    }
    for p, e, h, k, t, m in [(0.9, 0.02, 0.4, 5, 0.9, 0.05), (0.25, 2e-3, 0.85, 60, 0.4, 0.4)]
]


@jax.jit
def ours(samplers, rows):
    return {name: jax.vmap(sampler)(rows) for name, sampler in samplers.items()}


def softmax(rows):
    weights = np.exp(rows.astype(np.float64) - rows.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def at_an_edge(oracle, row):
    """Return whether the kept set changes when the edges move by less than float32 resolves."""
    answers = [oracle(row, nudge) > -INF for nudge in (-EDGE, 0.0, EDGE)]
    return (answers[0] != answers[1]).any() or (answers[2] != answers[1]).any()


def parts_a_tie(row, mine, theirs):
    """Return whether theirs keeps a part of a tie where mine keeps all of it or none (D1, D2).

    Theirs cuts by position in a sort. Mine keeps the whole tie for top-p, whose crossing token
    stays, and for the maxima, and none of it for top-h, whose crossing token goes.
    """
    differ = row[mine != theirs]
    tie = row == differ[0]
    whole = mine[tie].all() or not mine[tie].any()
    return (differ == differ[0]).all() and whole and theirs[tie].any() and not theirs[tie].all()


@pytest.fixture(scope="module")
def found():
    rows = torch.from_numpy(ROWS)
    theirs = [{n: w(None, rows).numpy() for n, (_, _, w) in s.items()} for s in SETTINGS]
    mine = [ours({n: sampler for n, (sampler, _, _) in s.items()}, ROWS) for s in SETTINGS]
    return mine, theirs


@pytest.mark.parametrize("setting", range(len(SETTINGS)))
@pytest.mark.parametrize("name", SETTINGS[0])
def test_the_same_tokens_stay(name, setting, found):
    mine, theirs = (np.asarray(side[setting][name]) for side in found)
    oracle = SETTINGS[setting][name][1]
    same = ((mine > -INF) == (theirs > -INF)).all(axis=1)
    np.testing.assert_allclose(softmax(mine[same]), softmax(theirs[same]), atol=1e-5)
    edges, ties = 0, 0
    for i in np.flatnonzero(~same):
        if name in ("top_p", "top_h") and parts_a_tie(ROWS[i], mine[i] > -INF, theirs[i] > -INF):
            ties += 1
        else:
            assert at_an_edge(oracle, ROWS[i]), (i, np.flatnonzero(mine[i] != theirs[i]))
            edges += 1
    assert edges <= N // 200
    assert ties or name not in ("top_p", "top_h"), "rows with ties must show the difference"


def test_without_the_hundred_the_whole_row_counts(found):
    """The tail after the 100th token has entropy, which raises the bound."""
    whole = np.asarray(ours({"top_h": TopH(0.85)}, ROWS)["top_h"]) > -INF
    cut = np.asarray(found[1][1]["top_h"]) > -INF
    flat = np.arange(N)[640::4]
    assert (whole[flat].sum(axis=1) > cut[flat].sum(axis=1)).all()
