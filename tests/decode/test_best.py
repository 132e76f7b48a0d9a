"""The best of several texts."""

import jax
import numpy as np
import pytest

from jaxsample import TopK, beam, best, generate, resume

from .trees import EOS, MODEL, PARAMS

PROMPTS = np.array([[2, 1], [3, 0], [1, 1]])


def draw(samples):
    return generate(
        jax.random.key(0), MODEL, PARAMS, PROMPTS, TopK(3),
        max_new_tokens=4, max_length=8, eos=EOS, samples=samples,
    )  # fmt: skip


def test_every_part_is_that_of_the_best_text_and_decoding_goes_on():
    out = draw(4)
    scores = np.array([[0, 1, 2, 2], [5, np.nan, 1, -1], [-np.inf, np.nan, -np.inf, -9]])
    chosen = best(out, scores)
    for b, g in enumerate((2, 0, 3)):
        for name in ("tokens", "lengths", "logprobs", "invalid"):
            np.testing.assert_array_equal(getattr(chosen, name)[b], getattr(out, name)[b, g])
        assert chosen.decoding.position[b] == out.decoding.position[4 * b + g]
        np.testing.assert_array_equal(chosen.decoding.cache[b], out.decoding.cache[4 * b + g])
    assert chosen.entropy is None
    every = resume(MODEL, PARAMS, out.decoding, TopK(3), max_new_tokens=2, eos=EOS, samples=4)
    alone = resume(MODEL, PARAMS, chosen.decoding, TopK(3), max_new_tokens=2, eos=EOS)
    np.testing.assert_array_equal(alone.tokens, best(every, scores).tokens)


def test_wrong_arguments_name_the_remedy():
    with pytest.raises(ValueError, match=r"generate\(samples=G\)"):
        best(draw(None), np.zeros(3))
    with pytest.raises(ValueError, match=r"one number for each text, \[3, 4\], got \[4, 3\]"):
        best(draw(4), np.zeros((4, 3)))


def test_beams():
    out = beam(
        MODEL, PARAMS, PROMPTS, TopK(3), beams=3, max_new_tokens=4, eos=EOS, returned=3
    )  # fmt: skip
    np.testing.assert_array_equal(best(out, -out.scores).tokens, out.tokens[:, -1])
