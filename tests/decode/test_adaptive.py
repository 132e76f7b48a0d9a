"""Decoding with transforms that adapt to the tokens drawn so far."""

import jax
import numpy as np

from jaxsample import AdaptiveP, ClassTemperature, Mirostat, TopPDecay, chain, generate
from tests.decode.models import TABLE, TABLE_PARAMS, V, slow

KEY = jax.random.key(21)
PROMPTS = np.array([[3, 1, 4], [5, 9, 0]], np.int32)
LENGTHS = np.array([3, 2], np.int32)
N = 10
SAMPLER = chain(
    ClassTemperature([1.5, 0.7, 1.1], np.arange(V) % 3),
    Mirostat(4.0, 0.5),
    TopPDecay(0.99, 0.97, 0.8, reset=11),
    AdaptiveP(0.4, 0.8),
)


def test_generate_equals_a_python_loop():
    """Uses all four transforms; row 0 ends before row 1, and its state then does not change."""
    budget, options = np.array([4, N]), dict(max_length=16, lengths=LENGTHS)
    got = generate(KEY, TABLE, TABLE_PARAMS, PROMPTS, SAMPLER, max_new_tokens=N, budget=budget,
                   record=("logprobs", "kept"), **options)  # fmt: skip
    for b in range(2):
        tokens, logprobs, kept = slow(
            jax.random.fold_in(KEY, b),
            TABLE_PARAMS,
            PROMPTS[b, : LENGTHS[b]],
            SAMPLER,
            count=N,
            max_length=16,
            budget=int(budget[b]),
        )
        n = len(tokens)
        assert got.lengths[b] == n == budget[b]
        np.testing.assert_array_equal(got.tokens[b, :n], tokens)
        np.testing.assert_allclose(got.logprobs[b, :n], logprobs, atol=1e-5)
        np.testing.assert_array_equal(got.kept[b, :n], kept)
    assert len(set(np.asarray(got.kept[1]).tolist())) > 1
    # The state is the class of the last token that was drawn.
    last = np.asarray(got.tokens)[[0, 1], np.asarray(got.lengths) - 1]
    np.testing.assert_array_equal(got.decoding.state[0], last % 3)
