"""The law of speculation: the tokens, records and state of `generate` for every chain and draft."""

import jax
import numpy as np
import pytest

from jaxsample import prefill, resume, speculate, step
from tests import table
from tests.decode.drafts import DRAFT, DRAFT_TABLES, KINDS, MODEL, ROUNDS, TABLE

from .test_speculate import same

N, AHEAD, WIDTH = 10, 3, 5
KEY = jax.random.key(5)
RAGGED = 4  # rows of each kind, which differ in length and budget
LENGTHS = np.tile([5, 3, 1, 4], len(KINDS))
BUDGETS = np.tile([2 * N, 2 * N, N + 3, 6], len(KINDS))
DRAFTED = np.repeat(np.arange(len(KINDS), dtype=np.int32), RAGGED)
PROMPTS = np.random.default_rng(0).integers(0, 12, (len(DRAFTED), WIDTH)).astype(np.int32)
ROOM = WIDTH + 2 * N
ENDS = dict(eos=(7, 130), stop=[[3, 4], [2, 2], [0, 1, 5]])
RECORD = ("logprobs", "entropy", "kept", ("support", 4), ("top", 2))


def begun(sampler):
    given = dict(max_length=ROOM, lengths=LENGTHS, budget=BUDGETS)
    return prefill(KEY, MODEL, TABLE, PROMPTS, sampler, **given)


def drafted(sampler, **options):
    """Return a generation by speculation, and the positions that each round kept `[R, B, ..]`."""
    ROUNDS.clear()
    out = speculate(
        KEY,
        MODEL,
        TABLE,
        PROMPTS,
        sampler,
        draft=DRAFT,
        draft_params=(DRAFT_TABLES, DRAFTED),
        ahead=AHEAD,
        max_new_tokens=N,
        max_length=ROOM,
        lengths=LENGTHS,
        budget=BUDGETS,
        **ENDS,
        **options,
    )
    jax.effects_barrier()
    return out, np.stack(ROUNDS)


def follow(decoding, sampler, **options):
    return resume(MODEL, TABLE, decoding, sampler, max_new_tokens=N, **ENDS, **options)


# Two chains of different kinds by default: one with a state, one that reads the whole history.
QUICK = table.QUICK["state"], table.QUICK["history"]


EVERY_CHAIN = [
    pytest.param(c.sampler, id=c.id, marks=[] if c.id in QUICK else pytest.mark.full)
    for c in table.CASES
]


@pytest.mark.parametrize("sampler", EVERY_CHAIN)
def test_any_chain_and_draft_give_the_generation_of_generate(sampler):
    """`generate` is `prefill` and `resume`, so one program serves both halves of a text."""
    expected = follow(begun(sampler), sampler, record=RECORD)
    found, rounds = drafted(sampler, record=RECORD)
    same(expected, found)
    later = (follow(out.decoding, sampler, record=RECORD) for out in (expected, found))
    same(*later)

    # The draft has the state of the sampler too: a perfect one is only wrong about the end.
    for row in np.flatnonzero(DRAFTED == KINDS.index("perfect")):
        kept = [r[row, 1:] >= 0 for r in rounds if r[row, 0] >= 0]
        assert all(hits.all() for hits in kept[:-1])


def test_the_drafts_are_right_as_often_as_their_names_say():
    """Else the law would hold without a wrong proposal, or without a right one."""
    case = next(case for case in table.CASES if case.id == QUICK[0])
    _, rounds = drafted(case.sampler, record=RECORD)
    hits, asked = (rounds[:, :, 1:] >= 0).sum(axis=2), AHEAD * (rounds[:, :, 0] >= 0)
    share = {
        kind: hits[:, DRAFTED == k].sum() / asked[:, DRAFTED == k].sum()
        for k, kind in enumerate(KINDS)
    }
    assert share["perfect"] > share["good"] > share["bad"] > 0, share
    assert 0 < share["random"] < 0.3 and 0 < share["lookup"] < 0.5, share


@pytest.mark.parametrize("name", [pytest.param("chain", marks=pytest.mark.full), "state"])
def test_what_comes_out_goes_on_by_step(name):
    case = next(case for case in table.CASES if case.id == table.QUICK[name])
    expected = follow(begun(case.sampler), case.sampler, record=RECORD)
    found, _ = drafted(case.sampler, record=RECORD)
    pair = expected.decoding, found.decoding
    for _ in range(4):
        pair, drawn = zip(*(step(MODEL, TABLE, d, case.sampler, **ENDS) for d in pair), strict=True)
        jax.tree.map(np.testing.assert_array_equal, *drawn)
