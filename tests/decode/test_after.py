"""The next turn of a conversation, read onto the cache of those before."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsample
from jaxsample import RepetitionPenalty, Temperature, chain, generate, prefill, resume

jaxsample_models = pytest.importorskip("jaxsample_models")

KEY = jax.random.key(3)
SAMPLER = chain(RepetitionPenalty(1.3), Temperature(0.8))


@pytest.fixture(scope="module")
def model():
    config = jaxsample_models.TransformerConfig(
        vocab_size=23, dim=16, layers=2, heads=2, kv_heads=1, head_dim=8, mlp_dim=32, max_length=64
    )
    params = jax.tree.map(lambda x: 4 * x, jaxsample_models.init(config, jax.random.key(1)))
    calls = []
    inner = jaxsample_models.as_model(config)

    def apply(params, tokens, positions, cache):
        calls.append(tokens.shape)
        return inner.apply(params, tokens, positions, cache)

    return inner._replace(apply=apply), params, calls


def turn(first, rows):
    """The prompts of the next turn: what each row holds, and three or five more tokens."""
    lengths = np.asarray(first.decoding.position)
    prompts, total = np.zeros((2, 48), np.int32), lengths + np.array([3, 5])
    for b in range(2):
        drawn = np.asarray(first.tokens)[b, : int(first.lengths[b])]
        text = np.concatenate([rows[b], drawn, np.arange(1, 6)])[: total[b]]
        prompts[b, : total[b]] = text
    return prompts, total


def test_the_next_turn_equals_reading_everything(model):
    model, params, calls = model
    rows = [np.array([4, 5, 6, 7]), np.array([8, 9])]
    prompts = np.array([[4, 5, 6, 7], [8, 9, 0, 0]])
    options = dict(max_new_tokens=9, max_length=64, lengths=np.array([4, 2]), eos=3)
    first = generate(KEY, model, params, prompts, SAMPLER, **options)
    prompts, lengths = turn(first, rows)
    options = dict(max_length=64, lengths=lengths)
    whole = prefill(KEY, model, params, prompts, SAMPLER, **options)
    calls.clear()
    after = prefill(KEY, model, params, prompts, SAMPLER, **options, after=first.decoding)
    assert calls == [(2, 16)], "only what is new is read"
    for name in ("position", "n", "remaining", "recent", "done", "matched"):
        np.testing.assert_array_equal(getattr(after, name), getattr(whole, name))
    # The model sums in another order over fewer rows.
    logits = [model.unembed(params, d.hidden) for d in (after, whole)]
    np.testing.assert_allclose(*logits, atol=2e-4)
    texts = [resume(model, params, d, SAMPLER, max_new_tokens=8).tokens for d in (after, whole)]
    np.testing.assert_array_equal(*texts)


def test_an_earlier_position_takes_tokens_back(model):
    model, params, _ = model
    options = dict(max_length=64)
    prompts = np.arange(1, 11)[None]
    first = prefill(KEY, model, params, prompts, SAMPLER, **options)
    other = np.array([[1, 2, 3, 20, 21, 22]])
    back = first._replace(position=jnp.array([3]))
    after = prefill(KEY, model, params, other, SAMPLER, **options, after=back)
    whole = prefill(KEY, model, params, other, SAMPLER, **options)
    logits = [model.unembed(params, d.hidden) for d in (after, whole)]
    np.testing.assert_allclose(*logits, atol=2e-4)


def test_nothing_new_reads_the_last_token_again(model):
    model, params, _ = model
    prompts = np.arange(1, 6)[None]
    first = prefill(KEY, model, params, prompts, SAMPLER, max_length=32)
    after = prefill(KEY, model, params, prompts, SAMPLER, max_length=32, after=first)
    assert after.position.tolist() == [5]
    np.testing.assert_allclose(after.hidden, first.hidden, atol=2e-4)


def test_rows_must_match(model):
    model, params, _ = model
    first = prefill(KEY, model, params, [[1, 2]], SAMPLER, max_length=8)
    with pytest.raises(ValueError, match="after has 1 rows, prompts has 2"):
        prefill(KEY, model, params, [[1, 2], [1, 3]], SAMPLER, max_length=8, after=first)
    with pytest.raises(ValueError, match="without samples"):
        prefill(KEY, model, params, [[1, 2]], SAMPLER, max_length=8, after=first, samples=2)
    assert jaxsample.Decoding is type(first)
