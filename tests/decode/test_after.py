"""The next turn of a conversation, read onto the cache of those before."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsample
from jaxsample import RepetitionPenalty, Temperature, chain, generate, prefill, resume, step
from tests.decode import models
from tests.decode.models import D, V
from tests.table import swept

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


def lfm2():
    config = jaxsample_models.TransformerConfig(
        vocab_size=V, dim=D, layers=2, heads=2, kv_heads=1, head_dim=8, mlp_dim=16, max_length=64,
        convolutions=(0,),
    )  # fmt: skip
    params = jax.tree.map(lambda x: 4 * x, jaxsample_models.init(config, jax.random.key(2)))
    return jaxsample_models.as_model(config), params


TABLE = models.TABLE._replace(rewinds=True)
KINDS = {
    "table": lambda: (TABLE, models.TABLE_PARAMS),
    "recurrent": lambda: (models.RECURRENT, models.recurrent_params()),
    "lfm2": lfm2,
}


@pytest.mark.parametrize("kind", swept(KINDS, ["recurrent"]))
def test_a_row_without_new_tokens_stands_still(kind):
    model, params = KINDS[kind]()
    options = dict(max_length=16)
    rows = np.array([[4, 5, 6, 7], [8, 9, 8, 0]])
    lengths = np.array([4, 3])
    first = prefill(KEY, model, params, rows, SAMPLER, **options, lengths=lengths)
    longer = np.array([[4, 5, 6, 7, 1, 2], [8, 9, 8, 0, 0, 0]])
    options |= dict(lengths=np.array([6, 3]))
    after = prefill(KEY, model, params, longer, SAMPLER, **options, after=first)
    whole = prefill(KEY, model, params, longer, SAMPLER, **options)
    # A model sums in another order over fewer columns; the table is looked up.
    np.testing.assert_allclose(leaves(after), leaves(whole), atol=0 if kind == "table" else 2e-4)
    second = [jax.tree.map(lambda x: x[1], (d.cache, d.logits, d.hidden)) for d in (after, first)]
    for new, old in zip(*map(jax.tree.leaves, second), strict=True):
        np.testing.assert_array_equal(new, old)


def leaves(decoding):
    """The numbers of a decoding in one array; keys apart."""
    parts = jax.tree.leaves(decoding._replace(keys=None))
    return np.concatenate([np.asarray(x, np.float64).ravel() for x in parts])


@pytest.mark.parametrize("kind", swept(["table", "recurrent"], ["recurrent"]))
def test_the_logits_of_a_row_that_is_done_stand_still(kind):
    model, params = KINDS[kind]()
    budget = np.array([1, 4])
    options = dict(max_length=16, budget=budget, lengths=np.array([3, 2]))
    decoding = prefill(KEY, model, params, [[4, 5, 6], [8, 9, 0]], SAMPLER, **options)
    seen = []
    for _ in range(3):
        decoding, _ = step(model, params, decoding, SAMPLER)
        seen.append((decoding.cache, decoding.logits, decoding.hidden))
    assert decoding.done.tolist() == [True, False]
    for new, old in zip(*map(jax.tree.leaves, (seen[2], seen[0])), strict=True):
        np.testing.assert_array_equal(new[0], old[0])
    assert any((x[1] != y[1]).any() for x, y in zip(*map(jax.tree.leaves, seen[1:]), strict=True))


@pytest.mark.parametrize("samples", swept([None, 2], [2]))
def test_a_prefix_is_read_once_for_all_prompts(samples):
    """prefill(a + b) equals prefill(a + b, after=prefill(a)), penalties included."""
    prefix, lengths = [4, 5, 4, 6], np.array([7, 4, 5])
    prompts = np.array([[*prefix, 1, 2, 3], [*prefix, 0, 0, 0], [*prefix, 5, 0, 0]])
    options = dict(max_length=16)
    first = prefill(KEY, TABLE, models.TABLE_PARAMS, [prefix], SAMPLER, **options)
    options |= dict(lengths=lengths, samples=samples)
    given = KEY, TABLE, models.TABLE_PARAMS, prompts, SAMPLER
    whole, after = prefill(*given, **options), prefill(*given, **options, after=first)
    np.testing.assert_array_equal(leaves(after), leaves(whole))
    texts = [resume(*given[1:3], d, SAMPLER, max_new_tokens=4) for d in (after, whole)]
    np.testing.assert_array_equal(texts[0].tokens, texts[1].tokens)
    assert len(np.unique(texts[0].tokens)) > 4


def test_tokens_are_taken_back_only_where_the_model_rewinds():
    options = dict(max_length=16)
    longer, shorter = [[4, 5, 6, 7]], [[4, 9]]
    for kind, rewinds in (("table", True), ("recurrent", False), ("lfm2", False)):
        model, params = KINDS[kind]()
        assert model.rewinds is rewinds
        first = prefill(KEY, model, params, longer, SAMPLER, **options)
        if not rewinds:
            with pytest.raises(ValueError, match="row 0 has 2 tokens, but after has read 4"):
                prefill(KEY, model, params, shorter, SAMPLER, **options, after=first)
            continue
        after = prefill(KEY, model, params, shorter, SAMPLER, **options, after=first)
        whole = prefill(KEY, model, params, shorter, SAMPLER, **options)
        after, whole = (leaves(d._replace(cache=None)) for d in (after, whole))
        np.testing.assert_array_equal(after, whole)


def test_rows_and_caches_must_match(model):
    model, params, _ = model
    first = prefill(KEY, model, params, [[1, 2], [1, 3]], SAMPLER, max_length=8)
    with pytest.raises(ValueError, match="after has 2 rows, prompts has 3"):
        prefill(KEY, model, params, [[1, 2]] * 3, SAMPLER, max_length=8, after=first)
    with pytest.raises(ValueError, match="the max_length that made after"):
        prefill(KEY, model, params, [[1, 2]] * 2, SAMPLER, max_length=9, after=first)
    assert jaxsample.Decoding is type(first)
