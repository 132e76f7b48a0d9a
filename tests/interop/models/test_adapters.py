"""Models made of other models' functions draw what the right model draws, and compile once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from jaxsample import TopK, generate, prefill, score
from jaxsample.interop import batch_axis, from_linen, from_nnx, one_row, one_token, without_cache

from . import toys
from .test_check_model import MENDED

PROMPTS, LENGTHS = np.array([[3, 1, 4, 1], [5, 9, 0, 0], [2, 0, 0, 0]]), [4, 2, 1]


def greedy(model, params=toys.PARAMS, **options):
    options = dict(lengths=LENGTHS, max_new_tokens=6) | options
    return generate(jax.random.key(0), model, params, PROMPTS, TopK(1), **options).tokens


def forward(params, tokens):
    positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
    return toys.apply(params, tokens, positions, toys.init_cache(*tokens.shape)).logits


def forward_hidden(params, tokens):
    positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
    return toys.apply(params, tokens, positions, toys.init_cache(*tokens.shape)).hidden


def one_row_cache(max_length):
    return toys.shared_cache(1, max_length)


ROWS = one_row(one_row_cache, toys.shared_step, toys.shared_rewind)
SAME = {
    "without_cache": without_cache(forward),
    "without_cache, unembed": without_cache(forward_hidden, toys.unembed),
    "one_row": ROWS,
    "batch_axis": MENDED["the batch is the first axis of the cache"][1],
}


@pytest.mark.parametrize("helper", SAME)
def test_ragged_rows_are_those_of_the_right_model(helper):
    np.testing.assert_array_equal(greedy(SAME[helper]), greedy(toys.MODEL))


def test_a_shared_index_is_wrong_without_a_helper():
    """The mistake that one_row is for is there, and only in rows shorter than the longest."""
    wrong = np.any(greedy(toys.SHARED) != greedy(toys.MODEL), axis=1)
    assert not wrong[0] and wrong[1:].all()


def test_scores_of_one_row_are_those_of_the_right_model():
    tokens = greedy(toys.MODEL)
    mine, right = (
        score(model, toys.PARAMS, PROMPTS, tokens, TopK(3), lengths=LENGTHS).model_logprobs
        for model in (ROWS, toys.MODEL)
    )
    np.testing.assert_allclose(mine, right, atol=1e-5)  # sums in another order


def test_reading_on_at_the_end_of_the_cache():
    """The slice that is written would end behind the cache, where a write moves to the left."""
    longer = np.concatenate([PROMPTS, PROMPTS[:, :2] + 1], axis=1)
    options = dict(max_length=7)
    read = functools.partial(prefill, jax.random.key(0), ROWS, toys.PARAMS, sampler=TopK(1))
    first = read(prompts=PROMPTS, lengths=[4, 4, 4], **options)
    onwards = read(prompts=longer, after=first, **options)
    at_once = read(prompts=longer, **options)
    np.testing.assert_allclose(onwards.logits, at_once.logits, atol=1e-5)  # sums of other lengths


def test_a_finished_row_keeps_its_cache():
    out = generate(jax.random.key(0), ROWS, toys.PARAMS, PROMPTS, TopK(1), max_new_tokens=6,
                   lengths=LENGTHS, budget=[1, 6, 6])  # fmt: skip
    assert out.decoding.cache.cache["index"].ravel().tolist() == [5, 8, 7]


def test_too_many_tokens_for_the_cache():
    cache = ROWS.init_cache(1, 2)
    tokens = jnp.ones((1, 3), jnp.int32)
    with pytest.raises(ValueError, match="3 tokens do not fit a cache of 2"):
        ROWS.apply(toys.PARAMS, tokens, tokens, cache)


def test_a_recurrent_state_token_by_token():
    model = one_token(toys.recurrent_cache, toys.recurrent_step)
    got = greedy(model)
    for row, length in enumerate(LENGTHS):
        state, text = jnp.zeros((1, toys.D)), list(PROMPTS[row, :length])
        for token in text:
            logits, state = toys.recurrent_step(toys.PARAMS, jnp.array([token]), None, state)
        for expected in got[row]:
            assert int(jnp.argmax(logits[0])) == expected
            logits, state = toys.recurrent_step(toys.PARAMS, expected[None], None, state)


class Linen(linen.Module):
    decode: bool = False

    @linen.compact
    def __call__(self, tokens):
        x = linen.Embed(toys.V, toys.D)(tokens)
        mask = None if self.decode else linen.make_causal_mask(tokens)
        x = x + linen.MultiHeadDotProductAttention(num_heads=2, decode=self.decode)(x, mask=mask)
        return linen.Dense(toys.V)(x)


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.embed = nnx.Embed(toys.V, toys.D, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(2, toys.D, decode=False, rngs=rngs)
        self.head = nnx.Linear(toys.D, toys.V, rngs=rngs)

    def __call__(self, tokens):
        x = self.embed(tokens)
        mask = None if self.attention.decode else linen.make_causal_mask(tokens)
        return self.head(x + self.attention(x, mask=mask))


@functools.cache
def variables():
    return Linen().init(jax.random.key(0), jnp.ones((1, 4), jnp.int32))


FLAX = {
    "linen": (
        lambda: from_linen(Linen(), variables()),
        lambda: from_linen(Linen(decode=True), variables(), decode=True),
    ),
    "nnx": (
        lambda: from_nnx(Nnx(nnx.Rngs(0))),
        lambda: from_nnx(Nnx(nnx.Rngs(0)), decode=True),
    ),
}


@pytest.mark.parametrize("kind", FLAX)
def test_a_module_of_flax_with_a_cache_draws_what_it_draws_without(kind):
    tokens, cached = (greedy(*make()) for make in FLAX[kind])
    np.testing.assert_array_equal(tokens, cached)
    assert len(np.unique(tokens)) > 3


def test_linen_modules_say_whether_they_have_a_cache():
    cached = Linen(decode=True).init(jax.random.key(0), jnp.ones((1, 4), jnp.int32))
    with pytest.raises(ValueError, match='variables have a "cache": pass decode=True'):
        from_linen(Linen(), cached)
    with pytest.raises(ValueError, match="build it with its own decode=True"):
        from_linen(Linen(), cached, decode=True)


def test_nnx_modules_say_whether_they_have_a_cache():
    attention = nnx.MultiHeadAttention(2, toys.D, decode=True, rngs=nnx.Rngs(0))
    attention.init_cache((1, 4, toys.D))
    with pytest.raises(ValueError, match="holds variables of the type nnx.Cache"):
        from_nnx(attention)
    with pytest.raises(ValueError, match="so pass init_cache, which makes its nnx.Cache"):
        from_nnx(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), decode=True)


class Counter(nnx.Module):
    """It adds to each token how many it has read; its cache is its own kind of variable."""

    def __init__(self, rngs):
        self.table = nnx.Embed(toys.V, toys.V, rngs=rngs)

    def hidden(self, tokens):
        self.count[...] += tokens.shape[1]
        return tokens + self.count[...]

    def unembed(self, hidden):
        return self.table(hidden % toys.V)


def test_a_cache_and_a_head_of_the_users_own():
    def init_cache(module, max_length):
        module.count = nnx.Cache(jnp.zeros((), jnp.int32))

    module = Counter(nnx.Rngs(0))
    given = module, lambda module, tokens, positions: module.hidden(tokens)
    model, params = from_nnx(
        *given, decode=True, init_cache=init_cache, unembed=lambda module, x: module.unembed(x)
    )
    assert not hasattr(module, "count")
    last = jnp.array([PROMPTS[row, length - 1] + length for row, length in enumerate(LENGTHS)])
    expected = jnp.argmax(module.table(last % toys.V), -1)
    np.testing.assert_array_equal(greedy(model, params, max_new_tokens=1)[:, 0], expected)


def test_the_same_functions_make_an_equal_model_that_compiles_once(counted):
    step, text = counted(toys.shared_step), counted(forward)
    makers = {
        "one_row": lambda: (one_row(one_row_cache, step, toys.shared_rewind), toys.PARAMS),
        "without_cache": lambda: (without_cache(text), toys.PARAMS),
        "batch_axis": lambda: (batch_axis(toys.BROKEN[next(iter(toys.BROKEN))], 1), toys.PARAMS),
        "one_token": lambda: (one_token(toys.recurrent_cache, toys.recurrent_step), toys.PARAMS),
        "from_nnx, no cache": FLAX["nnx"][0],
        "from_nnx": FLAX["nnx"][1],
        "from_linen, no cache": FLAX["linen"][0],
        "from_linen": FLAX["linen"][1],
    }
    for make in makers.values():
        (first, _), (second, _) = make(), make()
        assert first == second and hash(first) == hash(second)
    for name, wrapped in {"one_row": step, "without_cache": text}.items():
        greedy(*makers[name](), max_new_tokens=2)
        before = wrapped.traces
        greedy(*makers[name](), max_new_tokens=2)
        assert wrapped.traces == before > 0
