"""The law of speculation: the tokens, records and state of `generate` for every chain and draft."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Transform, field, prefill, resume, speculate, stack, step, transform
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
STATE = next(case.sampler for case in table.CASES if case.id == table.QUICK["state"])
RECORD = ("logprobs", "entropy", "kept", ("support", 4), ("top", 2))


def begun():
    given = dict(max_length=ROOM, lengths=LENGTHS, budget=BUDGETS)
    return prefill(KEY, MODEL, TABLE, PROMPTS, STATE, **given)


def drafted():
    """Return a generation by speculation, and the positions that each round kept `[R, B, ..]`."""
    ROUNDS.clear()
    out = speculate(
        KEY,
        MODEL,
        TABLE,
        PROMPTS,
        STATE,
        draft=DRAFT,
        draft_params=(DRAFT_TABLES, DRAFTED),
        ahead=AHEAD,
        max_new_tokens=N,
        max_length=ROOM,
        lengths=LENGTHS,
        budget=BUDGETS,
        record=RECORD,
        **ENDS,
    )
    jax.effects_barrier()
    return out, np.stack(ROUNDS)


def follow(decoding):
    return resume(MODEL, TABLE, decoding, STATE, max_new_tokens=N, record=RECORD, **ENDS)


def test_any_draft_gives_the_generation_of_generate():
    """`generate` is `prefill` and `resume`, so one program serves both halves of a text."""
    expected = follow(begun())
    found, rounds = drafted()
    same(expected, found)
    later = (follow(out.decoding) for out in (expected, found))
    same(*later)
    never_wrong(rounds, DRAFTED)


def never_wrong(rounds, kinds):
    """Check that a perfect draft, which has the sampler's state too, only errs about the end."""
    for row in np.flatnonzero(kinds == KINDS.index("perfect")):
        kept = [r[row, 1:] >= 0 for r in rounds if r[row, 0] >= 0]
        assert all(hits.all() for hits in kept[:-1])


def test_the_drafts_are_right_as_often_as_their_names_say():
    """Else the law would hold without a wrong proposal, or without a right one."""
    _, rounds = drafted()
    hits, asked = (rounds[:, :, 1:] >= 0).sum(axis=2), AHEAD * (rounds[:, :, 0] >= 0)
    share = {
        kind: hits[:, DRAFTED == k].sum() / asked[:, DRAFTED == k].sum()
        for k, kind in enumerate(KINDS)
    }
    assert share["perfect"] > share["good"] > share["bad"] > 0, share
    assert 0 < share["random"] < 0.3 and 0 < share["lookup"] < 0.5, share


def test_what_comes_out_goes_on_by_step():
    expected = follow(begun())
    pair = expected.decoding, drafted()[0].decoding
    for _ in range(4):
        pair, drawn = zip(*(step(MODEL, TABLE, d, STATE, **ENDS) for d in pair), strict=True)
        jax.tree.map(np.testing.assert_array_equal, *drawn)


@transform
class OneOf(Transform):
    """Several transforms, of which each row uses one."""

    which: int = field()
    members: Any = field()

    def init(self, key, prompt):
        return tuple(member.init(key, prompt) for member in self.members)

    def __call__(self, logits, state=None, hidden=None):
        pairs = zip(self.members, state, strict=True)
        return jnp.stack([member(logits, s, hidden) for member, s in pairs])[self.which]

    def update(self, state, logits, token, hidden=None):
        pairs = zip(self.members, state, strict=True)
        return tuple(member.update(s, logits, token, hidden) for member, s in pairs)


def structures():
    """Return the cases of each structure, which differ in the values of leaves only."""
    found = {}
    for case in table.CASES:
        leaves, tree = jax.tree.flatten(case.sampler)
        found.setdefault((tree, *map(np.shape, leaves)), []).append(case)
    return list(found.values())


GROUPS = 4


@pytest.mark.full
@pytest.mark.optimised  # else jax 0.12 rounds the log-probabilities of the two programs differently
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_chain_of_the_table(group):
    """Each case has a row of each draft, and all cases of a group share their programs."""
    kinds = structures()[group::GROUPS]
    firsts = [cases[0].sampler for cases in kinds]
    samplers, names, numbers = [], [], []
    for i, cases in enumerate(kinds):
        for case in cases:
            one = OneOf(which=i, members=(*firsts[:i], case.sampler, *firsts[i + 1 :]))
            samplers += [one] * len(KINDS)
            names += [f"{case.id} with a {kind} draft" for kind in KINDS]
            numbers += range(len(KINDS))
    rows, numbers = np.arange(len(names)), np.array(numbers, np.int32)
    sampler, some = stack(samplers), rows % len(DRAFTED)
    about = MODEL, TABLE, PROMPTS[some], sampler
    common = dict(max_length=ROOM, lengths=LENGTHS[some], budget=BUDGETS[some], sampler_axes=0)
    on = dict(max_new_tokens=N, sampler_axes=0, record=("logprobs",), **ENDS)

    expected = resume(MODEL, TABLE, prefill(KEY, *about, **common), sampler, **on)
    given = dict(draft=DRAFT, draft_params=(DRAFT_TABLES, numbers))
    ROUNDS.clear()
    found = speculate(KEY, *about, **given, ahead=AHEAD, **(common | on))
    wrong = np.flatnonzero((expected.tokens != found.tokens).any(axis=1))
    assert not len(wrong), [names[row] for row in wrong]
    same(expected, found)
    jax.effects_barrier()
    never_wrong(np.stack(ROUNDS), numbers)
    same(*(resume(MODEL, TABLE, out.decoding, sampler, **on) for out in (expected, found)))
