"""Batches of an evaluation never exceed the model, and lose nothing."""

import numpy as np

from jaxsample.interop._batches import Pair, padded, parted


def test_rows_are_as_wide_as_a_power_of_two_or_the_model():
    for longest, most, width in ((5, 64, 16), (17, 64, 32), (40, 48, 48), (48, 48, 48)):
        table, lengths = padded([[1] * longest, [2]], 3, most)
        assert table.shape == (3, width)
        np.testing.assert_array_equal(lengths, [longest, 1, 1])
        np.testing.assert_array_equal(table.sum(1), [longest, 2, 0])


def test_contexts_and_continuations_fit_the_model_together():
    random = np.random.default_rng(0)
    for most in (5, 48, 64):
        for _ in range(50):
            sizes = np.sort(random.integers(0, most + 1, (3, 2)), axis=1)
            rows = [random.integers(1, 99, most + 1).tolist() for _ in sizes]
            pairs = [
                Pair(i, row[:cut], row[cut : end + 1])
                for i, (row, (cut, end)) in enumerate(zip(rows, sizes + [1, 0], strict=True))
                if cut <= end
            ]
            if not pairs:
                continue
            prompts, lengths, tokens, counts = parted(pairs, 3, most)
            assert prompts.shape[1] + tokens.shape[1] <= most + 1
            for i, pair in enumerate(pairs):
                whole = [*prompts[i, : lengths[i]], *tokens[i, : counts[i]]]
                assert whole == pair.ids + pair.tokens and lengths[i] >= 1
                assert counts[i] >= len(pair.tokens)
