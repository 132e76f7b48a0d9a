"""Guided decoding against a slow loop, and with every function of decoding."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

import jaxsample_models
from jaxsample import (
    Contrast,
    Guidance,
    KLTemperature,
    Temperature,
    TopP,
    Transform,
    chain,
    generate,
    guided,
    prefill,
    resume,
    score,
    stack,
    step,
    stream,
    transform,
)
from tests import toys
from tests.decode import models
from tests.decode.models import TABLE, TABLE_PARAMS, D, slow
from tests.table import swept

KEY = jax.random.key(9)
PROMPTS = np.array([[[3, 1, 4, 1], [5, 9, 0, 0]], [[2, 6, 0, 0], [5, 3, 5, 8]]], np.int32)
LENGTHS = np.array([[4, 2], [2, 4]], np.int32)
N = 12
SAMPLER = chain(toys.Counts(0.7), Temperature(1.1), TopP(0.95))
RECORD = ("logprobs", "kept")
NEVER = jnp.array([99, 99])  # an eos outside the vocabulary, which is not checked on a device


def run(combiner, sampler=SAMPLER, model=TABLE, params=TABLE_PARAMS, axes=None, **changes):
    """Generate two rows under guidance; calls that differ only in numbers share a program."""
    options = dict(max_new_tokens=N, max_length=20, lengths=LENGTHS, eos=NEVER, record=RECORD)
    prompts = changes.pop("prompts", PROMPTS)
    two = guided(model, combiner, axes)
    return generate(KEY, two, (params, combiner), prompts, sampler, **options | changes)


def plain(stream=0, sampler=SAMPLER, model=TABLE, params=TABLE_PARAMS):
    """Generate the same rows from only one of their prompts."""
    options = dict(max_new_tokens=N, max_length=20, eos=NEVER, record=RECORD)
    lengths = LENGTHS[:, stream]
    return generate(KEY, model, params, PROMPTS[:, stream], sampler, lengths=lengths, **options)


def test_a_scale_of_one_is_the_conditional_stream_alone():
    got, alone = run(Guidance(1.0)), plain()
    np.testing.assert_array_equal(got.tokens, alone.tokens)
    np.testing.assert_array_equal(got.kept, alone.kept)
    # The logits are shifted, which rounds them.
    np.testing.assert_allclose(got.logprobs, alone.logprobs, atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, got.decoding.state, alone.decoding.state)
    np.testing.assert_array_equal(got.decoding.position, alone.decoding.position)


def test_a_scale_of_zero_is_the_unconditional_stream_alone():
    """Holds because this sampler does not use the prompt, which is the conditional one."""
    np.testing.assert_array_equal(run(Guidance(0.0)).tokens, plain(1).tokens)


def both_streams(params, last, position):
    """Return the combined logits of the TABLE model for a row with two prompts."""
    table, combiner, first, (length, other_length) = params
    other = jnp.where(position == length - 1, first, last)
    ahead = position + other_length - length
    return combiner(table[last] + table[position % 7] * 0.5, table[other] + table[ahead % 7] * 0.5)


def test_a_slow_loop_draws_the_same_tokens():
    """The streams have their own positions, both read the drawn tokens, and rows end early."""
    eos, budget = np.array([7, 30]), np.array([N, 5])
    combiner = Guidance(2.5)
    got = run(combiner, eos=eos, budget=budget, pad=59)
    for b in range(2):
        first = PROMPTS[b, 1, LENGTHS[b, 1] - 1]
        tokens, logprobs, kept = slow(
            jax.random.fold_in(KEY, b),
            (TABLE_PARAMS, combiner, first, LENGTHS[b]),
            PROMPTS[b, 0, : LENGTHS[b, 0]],
            SAMPLER,
            count=N,
            max_length=20,
            budget=int(budget[b]),
            eos=tuple(eos),
            logits=both_streams,
        )
        n = len(tokens)
        assert got.lengths[b] == n
        np.testing.assert_array_equal(got.tokens[b], tokens + [59] * (N - n))
        # The two programs sum 61 exponentials in float32 in different orders.
        np.testing.assert_allclose(got.logprobs[b, :n], logprobs, atol=1e-5)
        np.testing.assert_array_equal(got.kept[b], kept + [0] * (N - n))


def test_chunks_equal_generate_and_rows_can_be_gathered_between_them():
    combiner = Guidance(2.0)
    model, params = guided(TABLE, combiner), (TABLE_PARAMS, combiner)
    whole = run(combiner)
    first, second = stream(
        KEY, model, params, PROMPTS, SAMPLER, max_new_tokens=N, max_length=20, lengths=LENGTHS,
        eos=NEVER, chunk=N // 2,
    )  # fmt: skip
    assert all(leaf.shape[0] == 2 for leaf in jax.tree.leaves(first.decoding))
    swapped = jax.tree.map(lambda x: x[np.array([1, 0])], first.decoding)
    rest = resume(model, params, swapped, SAMPLER, max_new_tokens=N // 2, eos=NEVER)
    for name in ("tokens", "logprobs"):
        joined = np.concatenate([getattr(g, name) for g in (first, second)], axis=1)
        np.testing.assert_array_equal(joined, getattr(whole, name))
        np.testing.assert_array_equal(getattr(rest, name)[::-1], getattr(second, name))


def _shown_apply(table, tokens, positions, cache):
    output = TABLE.apply(table, tokens, positions, cache)
    return output._replace(hidden=output.logits[..., :D])


MODELS = {
    "logits": (TABLE, lambda: TABLE_PARAMS, SAMPLER),
    "logits and hidden": (TABLE._replace(apply=_shown_apply), lambda: TABLE_PARAMS,
                          toys.Learned.of(D)),
    "hidden": (models.RECURRENT, models.recurrent_params, toys.Learned.of(D)),
}  # fmt: skip


@pytest.mark.parametrize("name", swept(MODELS, ["logits", "hidden"]))
def test_score_equals_what_generate_recorded(name):
    """Models return logits, hidden states or both; samplers have state or none."""
    inner, make, sampler = MODELS[name]
    combiner, params = Guidance(1.7), make()
    got = run(combiner, sampler, inner, params, eos=np.array([7, 30]))
    # More padding must not change the score.
    prompts = np.pad(PROMPTS, ((0, 0), (0, 0), (0, 2)))
    tokens = np.pad(got.tokens, ((0, 0), (0, 3)))
    model = guided(inner, combiner)
    again = score(model, (params, combiner), prompts, tokens, sampler, lengths=LENGTHS,
                  token_lengths=got.lengths, record=RECORD)  # fmt: skip
    for field in RECORD:
        # Matmuls round differently for another batch shape.
        np.testing.assert_allclose(getattr(again, field)[:, :N], getattr(got, field), atol=1e-5)
        assert not np.any(getattr(again, field)[:, N:])


def test_the_hidden_state_is_the_conditional_streams():
    inner, make, sampler = MODELS["logits and hidden"]
    got = run(Guidance(1.0), sampler, inner, make())
    alone = plain(0, sampler, inner, make())
    np.testing.assert_array_equal(got.tokens, alone.tokens)
    np.testing.assert_array_equal(got.decoding.hidden, alone.decoding.hidden)


@transform(kind="token")
class Told(Transform):
    """A transform whose state is the prompt that `init` received."""

    def init(self, key, prompt):
        return prompt.tokens, prompt.length, prompt.budget

    def __call__(self, logits, state=None, hidden=None):
        return logits


def test_the_prompt_is_the_conditional_streams_and_the_longer_one_takes_from_the_room():
    combiner = Guidance(1.0)
    decoding = prefill(KEY, guided(TABLE, combiner), (TABLE_PARAMS, combiner), PROMPTS, Told(),
                       max_length=9, lengths=LENGTHS)  # fmt: skip
    tokens, length, budget = decoding.state
    np.testing.assert_array_equal(tokens, np.pad(PROMPTS[:, 0], ((0, 0), (0, 5))))
    np.testing.assert_array_equal(length, LENGTHS[:, 0])
    np.testing.assert_array_equal(decoding.position, LENGTHS[:, 0])
    np.testing.assert_array_equal(budget, [5, 5])
    np.testing.assert_array_equal(decoding.remaining, budget)


def test_rows_mix_combiners():
    mixed = run(stack([Guidance(1.0), Guidance(3.0)]), axes=0)
    for b, scale in enumerate((1.0, 3.0)):
        np.testing.assert_array_equal(mixed.tokens[b], run(Guidance(scale)).tokens[b])


def test_samples_of_a_prompt_share_its_combiner():
    """Leaves stay [B] for B * G rows; the samples of one prompt are adjacent."""
    combiner = stack([Guidance(1.0), Guidance(3.0)])
    model = guided(TABLE, combiner, 0)

    @functools.partial(jax.jit, static_argnums=1)
    def logits(combiner, rows):
        cache = model.init_cache(rows, 9)
        tokens = np.arange(rows * 2 * 3).reshape(rows, 2, 3) // (rows * 3)
        positions = np.broadcast_to(np.arange(3), tokens.shape)
        return model.apply((TABLE_PARAMS, combiner), tokens, positions, cache).logits

    repeated = jax.tree.map(lambda x: jnp.repeat(x, 3), combiner)
    np.testing.assert_array_equal(logits(combiner, 6), logits(repeated, 6))


def test_a_step_costs_two_rows_in_one_call():
    seen = []

    def apply(params, tokens, positions, cache):
        seen.append(tokens.shape)
        return TABLE.apply(params, tokens, positions, cache)

    model = TABLE._replace(apply=apply)
    jax.eval_shape(lambda: run(Guidance(2.0), chain(), model, early_stop=False))
    assert seen == [(4, 4), (4, 1)]


def test_another_number_is_the_same_model():
    assert guided(TABLE, Guidance(1.0)) is guided(TABLE, Guidance(jnp.float32(4.0)))
    assert guided(TABLE, Guidance(1.0)) is not guided(TABLE, Contrast(0.5))
    assert guided(TABLE, Guidance(1.0)) is not guided(TABLE, Guidance(1.0), 0)


def test_a_combiner_of_ones_own():
    def mix(weight, c, u):
        return (1 + weight) * c - weight * u

    combiner = Partial(mix, np.float32(0.8))
    model, params = guided(TABLE, combiner), (TABLE_PARAMS, combiner)
    d = prefill(KEY, model, params, PROMPTS, chain(), max_length=20, lengths=LENGTHS)
    c, u = (TABLE_PARAMS[PROMPTS[b, s, LENGTHS[b, s] - 1]]
            + 0.5 * TABLE_PARAMS[LENGTHS[b, s] - 1] for b, s in ((0, 0), (0, 1)))  # fmt: skip
    np.testing.assert_allclose(d.logits[0], 1.8 * c - 0.8 * u, rtol=1e-5, atol=1e-5)
    d, seen = step(model, params, d, chain())
    (c,), (u,) = (TABLE_PARAMS[seen.tokens[:1]] + 0.5 * TABLE_PARAMS[n] for n in (4, 2))
    np.testing.assert_allclose(d.logits[0], 1.8 * c - 0.8 * u, rtol=1e-5, atol=1e-5)


def test_gradients_reach_the_combiner_and_both_streams():
    combiner = Guidance(1.5)
    model, positions = guided(TABLE, combiner), np.where(PROMPTS > 0, np.arange(4), -1)
    weights = jax.random.normal(KEY, (models.V,))

    @jax.jit
    @functools.partial(jax.grad, argnums=(0, 1))
    def slopes(table, combiner):
        output = model.apply((table, combiner), PROMPTS, positions, model.init_cache(2, 9))
        return jnp.sum(output.logits[0, 3] * weights)

    by_table, by_combiner = slopes(TABLE_PARAMS, combiner)
    logprobs = jax.nn.log_softmax(
        TABLE_PARAMS[jnp.array([1, 9])] + 0.5 * TABLE_PARAMS[jnp.array([3, 1])]
    )
    np.testing.assert_allclose(by_combiner.scale, (logprobs[0] - logprobs[1]) @ weights, rtol=1e-4)
    # Only the last tokens of the first row's prompts and their positions have a gradient.
    np.testing.assert_array_equal(np.flatnonzero(np.abs(by_table).sum(1)), [1, 3, 9])


@pytest.mark.full
def test_the_story_model_writes_under_guidance():
    """Decodes greedily, so that one pass over the text shows whether each token is the maximum."""
    checkpoint = jaxsample_models.embedded()
    model, params = guided(checkpoint.model, Guidance(1.0)), checkpoint.params
    prompts = np.array([[[1, 2, 3], [1, 0, 0]], [[1, 2, 0], [1, 3, 4]]])
    lengths = np.array([[3, 1], [2, 3]])
    written = {}
    for scale in (1.0, 4.0):
        got = generate(KEY, model, (params, Guidance(scale)), prompts, Temperature(0),
                       max_new_tokens=8, lengths=lengths)  # fmt: skip
        written[scale] = np.asarray(got.tokens)
    text = np.zeros((2, 11), np.int32)
    for b in range(2):
        n = lengths[b, 0]
        text[b, : n + 8] = [*prompts[b, 0, :n], *written[1.0][b]]
    cache = checkpoint.model.init_cache(2, 11)
    positions = np.broadcast_to(np.arange(11), text.shape)
    hidden = jax.jit(checkpoint.model.apply)(params, text, positions, cache).hidden
    likeliest = np.argmax(checkpoint.model.unembed(params, hidden), axis=-1)
    for b in range(2):
        n = lengths[b, 0]
        np.testing.assert_array_equal(likeliest[b, n - 1 : n + 7], written[1.0][b])
    assert np.any(written[1.0] != written[4.0])


def test_strict_promotion_and_wide_types():
    combiner = stack([KLTemperature(1.0, 2.0), KLTemperature(0.5, np.inf)])
    model, params = guided(TABLE, combiner, 0), (TABLE_PARAMS, combiner)

    def both():
        got = run(combiner, axes=0)
        return got, score(model, params, PROMPTS, got.tokens, SAMPLER, lengths=LENGTHS)

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        with jax.enable_x64(True):
            got, seen = jax.eval_shape(both)
    assert got.tokens.dtype == jnp.int32 and seen.logprobs.dtype == jnp.float32
    assert got.decoding.cache.offset.dtype == jnp.int32


BAD = {
    "prompts must be integers [B, 2, P]": lambda: generate(
        KEY, guided(TABLE, Guidance(1.0)), (TABLE_PARAMS, Guidance(1.0)), PROMPTS[:, 0], chain(),
        max_new_tokens=2),
    "prompts must be integers [B, P]": lambda: generate(
        KEY, TABLE, TABLE_PARAMS, PROMPTS, chain(), max_new_tokens=2),
    "prompts must be one array [B, 2, P]": lambda: generate(
        KEY, guided(TABLE, Guidance(1.0)), (TABLE_PARAMS, Guidance(1.0)), [[[1], [1, 2]]], chain(),
        max_new_tokens=2),
    "lengths must be integers [2, 2]": lambda: run(Guidance(1.0), lengths=LENGTHS[:, 0]),
    "lengths must be in 1..4": lambda: run(Guidance(1.0), lengths=[[4, 0], [1, 1]]),
    "params (params, combiner)": lambda: generate(
        KEY, guided(TABLE, Guidance(1.0)), TABLE_PARAMS, PROMPTS, chain(), max_new_tokens=2),
    "as guided() got": lambda: generate(
        KEY, guided(TABLE, Guidance(1.0)), (TABLE_PARAMS, Contrast(0.1)), PROMPTS, chain(),
        max_new_tokens=2),
    "guided already": lambda: guided(guided(TABLE, Guidance(1.0)), Guidance(1.0)),
    "a pytree that can be called": lambda: guided(TABLE, jnp.add),
    "axes must be None or 0": lambda: guided(TABLE, Guidance(1.0), 1),
    "axes=0 needs a leading axis of rows": lambda: run(Guidance(1.0), axes=0),
    "got shape [3] for 2 rows": lambda: run(stack([Guidance(1.0)] * 3), axes=0),
    "use jax.vmap": lambda: run(stack([KLTemperature(1.0, 1.0)] * 2)),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments(message):
    with pytest.raises(ValueError) as raised:
        BAD[message]()
    assert message in str(raised.value)
