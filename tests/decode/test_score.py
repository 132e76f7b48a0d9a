"""`score` against the records of `generate`, its gradients, and impossible tokens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    EntropyTemperature,
    MinP,
    Temperature,
    TopK,
    TopP,
    Transform,
    chain,
    field,
    generate,
    score,
    stack,
    transform,
)
from tests import toys
from tests.decode import models
from tests.decode.models import D, V
from tests.table import swept

KEY = jax.random.key(6)
PROMPTS = np.array([[3, 1, 4], [5, 9, 0]], np.int32)
LENGTHS = np.array([3, 2], np.int32)
N = 10
MODELS = {
    "table": (models.TABLE, lambda: models.TABLE_PARAMS),
    "recurrent": (models.RECURRENT, models.recurrent_params),
    "linen": (models.LINEN, models.linen_params),
}
SAMPLERS = {
    "chain": chain(Temperature(0.8), TopK(20), TopP(0.9)),
    "stateful": chain(toys.Counts(0.7), Temperature(1.1), toys.Nucleus(0.95, 0.98)),
    "learned": chain(toys.Learned.of(D), TopP(0.9)),
}
RECORD = ("logprobs", "model_logprobs", "entropy", "kept", ("support", V))


QUICK = [("table", "stateful")]
PAIRS = [
    ("recurrent", "learned"),
    ("table", "chain"),
    ("linen", "learned"),
]


@pytest.mark.parametrize("model, sampler", swept([*QUICK, *PAIRS], QUICK))
def test_score_equals_what_generate_recorded(model, sampler):
    model, params = MODELS[model]
    params, sampler = params(), SAMPLERS[sampler]
    options = dict(lengths=LENGTHS, record=RECORD)
    got = generate(
        KEY, model, params, PROMPTS, sampler, max_new_tokens=N, eos=7, max_length=20, **options
    )
    wide = np.pad(PROMPTS, ((0, 0), (0, 4))), np.pad(got.tokens, ((0, 0), (0, 3)))
    again = score(model, params, *wide, sampler, token_lengths=got.lengths, key=KEY, **options)
    for name in ("logprobs", "model_logprobs", "entropy", "kept"):
        # Matmuls round differently for another batch shape.
        np.testing.assert_allclose(getattr(again, name)[:, :N], getattr(got, name), atol=1e-5)
        assert not np.any(getattr(again, name)[:, N:])
    # The tokens without padding, and the recorded sets.
    replayed = score(
        model,
        params,
        PROMPTS,
        got.tokens,
        sampler,
        token_lengths=got.lengths,
        key=KEY,
        support=got.support,
        lengths=LENGTHS,
    )
    np.testing.assert_allclose(replayed.logprobs, got.logprobs, atol=1e-5)


def test_per_row_samplers():
    settings = [chain(Temperature(0.5), TopP(0.9)), chain(Temperature(1.5), TopP(1.0))]
    tokens = np.arange(12).reshape(2, 6)

    def call(s, **o):
        return score(models.TABLE, models.TABLE_PARAMS, PROMPTS, tokens, s, **o)

    mixed = call(stack(settings), sampler_axes=0)
    for b, sampler in enumerate(settings):
        np.testing.assert_array_equal(mixed.logprobs[b], call(sampler).logprobs[b])


def test_a_token_that_cannot_be_produced_scores_minus_infinity_with_zero_gradient():
    logits = models.TABLE_PARAMS
    tokens = np.array([[int(jnp.argmin(logits[4])), 5]])

    def total(sampler, table, n):
        seen = score(models.TABLE, table, [[3, 1, 4]], tokens, sampler, record=("logprobs",))
        return seen.logprobs[0, n]

    sampler = chain(Temperature(0.8), TopK(3))
    value, grads = jax.value_and_grad(total, argnums=(0, 1), allow_int=True)(sampler, logits, 0)
    assert value == -np.inf
    assert float(grads[0][0].value) == 0 and not np.any(grads[1])
    assert np.isfinite(jax.grad(total, argnums=1)(sampler, logits, 1)).all()


def test_support_holds_the_kept_set_still_when_params_move():
    sampler = chain(toys.Counts(0.3), Temperature(0.8), TopP(0.5))
    got = generate(
        KEY,
        models.TABLE,
        models.TABLE_PARAMS,
        PROMPTS,
        sampler,
        max_new_tokens=6,
        record=("logprobs", ("support", 12)),
    )
    moved = models.TABLE_PARAMS + jax.random.normal(KEY, (V, V))

    def call(**o):
        return score(models.TABLE, moved, PROMPTS, got.tokens, sampler, **o).logprobs

    assert np.any(np.isneginf(call()))
    whole = ~np.asarray(got.support.larger)
    held = np.asarray(call(support=got.support))
    assert whole.mean() > 0.5 and np.all(np.isfinite(held[whole]))
    for b, n in np.argwhere(whole):
        last = int(got.tokens[b, n - 1]) if n else int(PROMPTS[b, 2])
        row = np.asarray(moved[last] + 0.5 * moved[(2 + n) % 7], np.float64)
        row -= 0.3 * np.bincount(np.asarray(got.tokens[b, :n]), minlength=V)
        ids = [i for i in np.asarray(got.support.ids[b, n]) if i >= 0]
        picked = row[int(got.tokens[b, n])] / 0.8
        expected = picked - np.log(np.sum(np.exp(row[ids] / 0.8)))
        np.testing.assert_allclose(held[b, n], expected, atol=1e-4)  # float32 logits of size 10
    np.testing.assert_array_equal(held[~whole], np.asarray(call())[~whole])


@pytest.mark.parametrize("model, softer", swept([("table", 1), ("recurrent", 5)], [("table", 1)]))
def test_gradients_match_central_differences(model, softer):
    model, params = MODELS[model]
    # In a row of low entropy EDT is so cold that only the maximum has a finite score.
    params = jax.tree.map(lambda x: x / softer, params())
    tokens = jax.random.randint(KEY, (2, N), 0, V)

    def mean(settings):
        t, t0, theta = settings
        sampler = chain(Temperature(t), EntropyTemperature(t0, theta), MinP(0.0))
        return jnp.mean(score(model, params, PROMPTS, tokens, sampler, lengths=LENGTHS).logprobs)

    at, h = jnp.array([0.9, 1.2, 0.6]), 2e-2
    exact = jax.grad(mean)(at)
    assert np.all(np.isfinite(exact))
    for i in range(3):
        e = jnp.zeros(3).at[i].set(h)
        # The error h**4 of a fourth-order stencil stays below float32's 1e-7 / h.
        slope = (8 * (mean(at + e) - mean(at - e)) - (mean(at + 2 * e) - mean(at - 2 * e))) / 12 / h
        np.testing.assert_allclose(exact[i], slope, rtol=1e-3)


def test_a_token_outside_the_vocabulary_cannot_be_produced():
    seen = score(models.TABLE, models.TABLE_PARAMS, PROMPTS, [[1, V], [2, -100]], TopK(50))
    assert np.isneginf(seen.logprobs[:, 1]).all() and np.isneginf(seen.model_logprobs[:, 1]).all()
    assert np.isfinite(seen.model_logprobs[:, 0]).all()


@transform(kind="order")
class Likeliest(Transform):
    """A filter that is written as `__call__` on an array."""

    def __call__(self, logits, state=None, hidden=None):
        return jnp.where(logits == jnp.max(logits), logits, -jnp.inf)


@transform(kind="token")
class Ban(Transform):
    """Never draws one token."""

    token: int = field()

    def __call__(self, logits, state=None, hidden=None):
        return logits.at[self.token].set(-jnp.inf)


FILTERS = {"order": TopK(1), "function": Likeliest(), "temperature": Temperature(0)}


@pytest.mark.parametrize("name", swept(FILTERS, ["function"]))
def test_support_takes_the_place_of_every_kind_of_filter(name):
    filter = FILTERS[name]
    got = generate(
        KEY,
        models.TABLE,
        models.TABLE_PARAMS,
        PROMPTS,
        filter,
        max_new_tokens=6,
        record=(("support", 3),),
    )
    moved = models.TABLE_PARAMS + 3 * jax.random.normal(KEY, (V, V))
    # Banning the moved model's likeliest token empties the filtered row, not the recorded one.
    best = int(jnp.argmax(moved[4] + 0.5 * moved[2]))
    for sampler in (filter, chain(filter, Ban(best))):
        seen = score(models.TABLE, moved, PROMPTS, got.tokens, sampler, support=got.support)
        drawn = np.asarray(got.tokens) != best if sampler is not filter else True
        np.testing.assert_array_equal(np.where(drawn, seen.logprobs, 0), 0)


@transform(kind="token")
class Budgeted(Transform):
    """Logits depend on the budget and the room of the row."""

    def init(self, key, prompt):
        return prompt.budget, prompt.tokens.shape[0]

    def __call__(self, logits, state=None, hidden=None):
        return logits / (1.0 + 0.1 * state[0] + 0.01 * state[1])


def test_score_sees_the_room_that_generate_saw():
    room = dict(max_length=12, budget=np.array([5, 9]), lengths=LENGTHS, record=("logprobs",))
    got = generate(
        KEY, models.TABLE, models.TABLE_PARAMS, PROMPTS, Budgeted(), max_new_tokens=4, **room
    )
    for pad in (0, 3):
        tokens = np.pad(got.tokens, ((0, 0), (0, pad)))
        seen = score(models.TABLE, models.TABLE_PARAMS, PROMPTS, tokens, Budgeted(), **room)
        np.testing.assert_allclose(seen.logprobs[:, :4], got.logprobs, atol=1e-5)


@pytest.mark.full
def test_strict_promotion_and_wide_types():
    """Without wide types, tests/decode/test_switches.py has each switch."""
    strict = jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise")
    with strict[0], strict[1], jax.enable_x64(True):
        got = generate(
            KEY,
            models.TABLE,
            models.TABLE_PARAMS,
            PROMPTS,
            SAMPLERS["stateful"],
            max_new_tokens=4,
            lengths=LENGTHS,
            eos=7,
            record=RECORD,
        )
        seen = score(
            models.TABLE,
            models.TABLE_PARAMS,
            PROMPTS,
            got.tokens,
            SAMPLERS["stateful"],
            lengths=LENGTHS,
            token_lengths=got.lengths,
        )
        assert got.tokens.dtype == jnp.int32 and seen.logprobs.dtype == jnp.float32
        np.testing.assert_allclose(seen.logprobs, got.logprobs, atol=1e-5)
