"""Beam search against all sequences, and its records, rows and rules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    XTC,
    RepetitionPenalty,
    TopK,
    beam,
    chain,
    score,
    stack,
)

from .models import RECURRENT, recurrent_params
from .trees import EOS, MODEL, PARAMS, N, texts

WIDE = 100  # no text is cut off before the last token
ROUNDING = 2e-6  # float32 sums of four numbers up to 8


def penalised(penalty):
    def change(row, written):
        row = row.copy()
        row[list(set(written))] *= penalty
        return row

    return change


PROMPTS = (2, 1), (3, 0)


def search(params=PARAMS, prompts=PROMPTS, sampler=None, penalty=1.0, eos=EOS, **options):
    """Search with one program for most tests; a penalty of 1 changes nothing."""
    return beam(
        MODEL,
        params,
        np.array(prompts),
        RepetitionPenalty(penalty) if sampler is None else sampler,
        beams=WIDE,
        max_new_tokens=N,
        eos=eos,
        returned=20,
        **options,
    )


def texts_of(out, b):
    rows = zip(out.tokens[b].tolist(), out.lengths[b].tolist(), strict=True)
    return [tuple(row[:n]) for row, n in rows]


@pytest.mark.parametrize("rule", [False, True, "never"])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0, -1.0, 2.0])
def test_a_beam_as_wide_as_the_tree_is_exact(length_penalty, rule):
    for penalty in (1.0, 1.3):
        out = search(penalty=penalty, length_penalty=length_penalty, early_stopping=rule)
        for b in range(len(PROMPTS)):
            best_of_all(out, b, penalty, length_penalty)


def best_of_all(out, b, penalty, length_penalty, **options):
    """Compare the texts of a prompt with the best of the whole tree."""
    every = texts(PROMPTS[b], penalised(penalty), normalised=True, **options)
    every = zip(*every, strict=True)
    every = sorted(((s / len(t) ** length_penalty, t) for t, s in every), reverse=True)
    scores, best = zip(*every[:20], strict=True)
    assert texts_of(out, b) == list(best)
    scale = N ** max(-length_penalty, 0)
    np.testing.assert_allclose(out.scores[b], scores, rtol=1e-6, atol=ROUNDING * scale)


def test_a_sampler_for_each_prompt_and_sequences_that_end_a_text():
    penalties, stop = (1.0, 1.3), ((EOS,), (1, 2))
    sampler = stack([RepetitionPenalty(penalty) for penalty in penalties])
    out = search(sampler=sampler, sampler_axes=0, eos=(), stop=stop)
    for b, penalty in enumerate(penalties):
        best_of_all(out, b, penalty, 1.0, stop=stop)


RECORD = "logprobs", "model_logprobs", "entropy", "kept", ("support", 3), ("top", 2)


PLAIN = pytest.param(chain(), marks=pytest.mark.full)


@pytest.mark.parametrize("sampler", [PLAIN, chain(RepetitionPenalty(1.4), TopK(9))], ids=repr)
def test_records_are_those_of_score(sampler):
    """The recurrent state and the sampler's state follow their text from parent to child."""
    prompts, lengths = np.array([[3, 9, 4], [7, 1, 0]]), np.array([3, 2])
    params = jax.tree.map(lambda x: x / 3, recurrent_params())  # closer to uniform
    common = dict(lengths=lengths, record=RECORD)
    out = beam(
        RECURRENT,
        params,
        prompts,
        sampler,
        beams=4,
        max_new_tokens=6,
        eos=range(20, 40),
        returned=4,
        **common,
    )
    assert len({tuple(row) for row in out.tokens.reshape(-1, 6).tolist()}) == 8
    assert 0 < out.lengths.min() < out.lengths.max() == 6
    for r in range(4):
        # score has no sampler on log-probabilities, which a penalty tells from logits.
        again = score(
            RECURRENT._replace(unembed=_normalised),
            params,
            prompts,
            out.tokens[:, r],
            sampler,
            token_lengths=out.lengths[:, r],
            **common,
        )
        names = "logprobs", "model_logprobs", "entropy", "kept", "support", "top"
        mine, other = (jax.tree.leaves([getattr(x, name) for name in names]) for x in (out, again))
        for x, y in zip(mine, other, strict=True):
            np.testing.assert_allclose(x[:, r], y, rtol=1e-5, atol=1e-5)
    if len(sampler) == 0:
        total = out.logprobs.sum(axis=2) / out.lengths
        np.testing.assert_allclose(out.scores, total, rtol=1e-5)


def _normalised(params, hidden):
    return jax.nn.log_softmax(RECURRENT.unembed(params, hidden))


def test_rows_do_not_depend_on_each_other():
    given = dict(early_stopping=True, lengths=[2, 1])
    every, others = search(**given), search(prompts=((2, 1), (1, 4)), **given)
    same = search(prompts=((2, 1), (3, 2)), **given)  # differs in the padding
    for x, y in ((every, same), (jax.tree.map(lambda x: x[:1], (every, others)))):
        jax.tree.map(np.testing.assert_array_equal, x, y)


def test_values_never_compile_again(counted):
    apply = counted(MODEL.apply)
    model = MODEL._replace(apply=apply)
    for penalty, rule, top in ((1.0, False, 3), (2, True, 4), (jnp.float32(-1.0), "never", 5)):
        given = dict(length_penalty=penalty, early_stopping=rule, eos=top - 1)
        beam(model, PARAMS, [[0, 1]], TopK(top), beams=2, max_new_tokens=2, **given)
        traces = traces if rule else apply.traces  # noqa: F821
    assert apply.traces == traces


def test_missing_texts_have_no_tokens_and_the_score_of_nothing():
    two = PARAMS.copy()
    two[:, 1:EOS] = -np.inf
    out = search(two, prompts=((0, 0), (EOS, 0)), pad=3)
    every = [(0,) * N, *((0,) * n + (EOS,) for n in (3, 2, 1, 0))]
    assert sorted(texts_of(out, 0)[:5]) == every
    assert out.tokens[0, 5:].tolist() == [[3] * N] * 15
    assert not out.lengths[0, 5:].any()
    assert np.isneginf(out.scores[0]).tolist() == [False] * 5 + [True] * 15

    broken = search(np.full_like(PARAMS, np.nan))
    assert np.isneginf(broken.scores).all() and not broken.lengths.any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(beams=0), "beams must be an int >= 1"),
        (dict(returned=3), "returned must be at most the 2 beams, got 3"),
        (dict(early_stopping="always"), "early_stopping must be True, False or 'never'"),
        (dict(length_penalty=[1.0]), "length_penalty must be one number"),
        (dict(eos=5), "eos must be token ids in 0..4, got 5"),
        (dict(sampler=XTC(0.1, 0.5)), "XTC needs a key"),
    ],
)
def test_wrong_arguments_name_the_remedy(wrong, message):
    given = dict(sampler=chain(), beams=2, max_new_tokens=2) | wrong
    with pytest.raises(ValueError, match=message):
        beam(MODEL, PARAMS, [[0, 1]], **given)
