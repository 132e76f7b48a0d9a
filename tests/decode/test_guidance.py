"""Two streams in one cache: what guided decoding means, and that all of decoding goes with it."""

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
    TopK,
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

KEY = jax.random.key(9)
PROMPTS = np.array([[[3, 1, 4, 1], [5, 9, 0, 0]], [[2, 6, 0, 0], [5, 3, 5, 8]]], np.int32)
LENGTHS = np.array([[4, 2], [2, 4]], np.int32)
N = 12
SAMPLER = chain(toys.Counts(0.7), Temperature(1.1), TopP(0.95))
RECORD = ("logprobs", "model_logprobs", "entropy", "kept", ("support", 5), ("top", 3))
MODELS = {
    "table": (TABLE, lambda: TABLE_PARAMS),
    "recurrent": (models.RECURRENT, models.recurrent_params),
    "linen": (models.LINEN, models.linen_params),
}


def run(combiner, sampler=SAMPLER, model=TABLE, params=TABLE_PARAMS, axes=None, **changes):
    options = dict(max_new_tokens=N, max_length=20, lengths=LENGTHS) | changes
    two = guided(model, combiner, axes)
    return generate(KEY, two, (params, combiner), PROMPTS, sampler, **options)


def plain(sampler=SAMPLER, model=TABLE, params=TABLE_PARAMS, **changes):
    options = dict(max_new_tokens=N, max_length=20, lengths=LENGTHS[:, 0]) | changes
    return generate(KEY, model, params, PROMPTS[:, 0], sampler, **options)


def test_a_scale_of_one_is_the_conditional_stream_alone():
    """Row 1 has less room: its unconditional prompt is the longer one."""
    got, alone = run(Guidance(1.0), record=RECORD), plain(record=RECORD)
    np.testing.assert_array_equal(got.tokens, alone.tokens)
    np.testing.assert_array_equal(got.kept, alone.kept)
    for name in ("logprobs", "model_logprobs", "entropy"):  # logits are shifted, and round so
        np.testing.assert_allclose(getattr(got, name), getattr(alone, name), atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, got.decoding.state, alone.decoding.state)
    np.testing.assert_array_equal(got.decoding.position, alone.decoding.position)


def test_a_scale_of_zero_is_the_unconditional_stream_alone():
    swapped = PROMPTS[:, ::-1], LENGTHS[:, ::-1]
    got = generate(
        KEY, guided(TABLE, Guidance(0.0)), (TABLE_PARAMS, Guidance(0.0)), swapped[0], chain(),
        max_new_tokens=N, lengths=swapped[1],
    )  # fmt: skip
    np.testing.assert_array_equal(got.tokens, plain(chain()).tokens)


def both_streams(params, last, position):
    """Logits of the TABLE model for a row whose streams end in their own prompts' tokens."""
    table, combiner, first, (length, other_length) = params
    other = jnp.where(position == length - 1, first, last)
    ahead = position + other_length - length
    return combiner(table[last] + table[position % 7] * 0.5, table[other] + table[ahead % 7] * 0.5)


@pytest.mark.parametrize(
    "combiner", [Guidance(2.5), KLTemperature(1.2, 3.0), Contrast(0.1)], ids=repr
)
def test_a_slow_loop_draws_the_same_tokens(combiner):
    """Each stream at positions of its own; both are fed what is drawn; rows end early."""
    eos, budget = (7, 30), np.array([N, 5])
    got = run(combiner, eos=eos, budget=budget, pad=59)
    for b in range(2):
        first = PROMPTS[b, 1, LENGTHS[b, 1] - 1]
        tokens, logprobs, _ = slow(
            jax.random.fold_in(KEY, b),
            (TABLE_PARAMS, combiner, first, LENGTHS[b]),
            PROMPTS[b, 0, : LENGTHS[b, 0]],
            SAMPLER,
            count=N,
            max_length=20,
            budget=int(budget[b]),
            eos=eos,
            logits=both_streams,
        )
        n = len(tokens)
        assert got.lengths[b] == n
        np.testing.assert_array_equal(got.tokens[b], tokens + [59] * (N - n))
        # Two ways of summing 61 exponentials in float32.
        np.testing.assert_allclose(got.logprobs[b, :n], logprobs, atol=1e-5)


def test_generate_equals_generate_then_resume_and_a_stream():
    combiner = Guidance(2.0)
    model, params = guided(TABLE, combiner), (TABLE_PARAMS, combiner)
    whole = run(combiner, eos=7)
    first = run(combiner, eos=7, max_new_tokens=5)
    rest = resume(model, params, first.decoding, SAMPLER, max_new_tokens=N - 5, eos=7)
    chunks = list(stream(KEY, model, params, PROMPTS, SAMPLER, max_new_tokens=N, max_length=20,
                         lengths=LENGTHS, eos=7, chunk=5))  # fmt: skip
    for pieces in ([first, rest], chunks):
        for name in ("tokens", "logprobs"):
            joined = np.concatenate([getattr(piece, name) for piece in pieces], axis=1)
            np.testing.assert_array_equal(joined, getattr(whole, name))


@pytest.mark.parametrize(
    "name, sampler",
    [("table", SAMPLER), ("table", chain(Temperature(0.8), TopK(20))),
     ("recurrent", chain(toys.Learned.of(D), TopP(0.9))), ("recurrent", SAMPLER),
     ("linen", chain(toys.Learned.of(D), TopP(0.9)))],
    ids=["stateful", "stateless", "unembed and hidden", "unembed", "logits and hidden"],
)  # fmt: skip
def test_score_equals_what_generate_recorded(name, sampler):
    inner, make = MODELS[name]
    combiner, params = Guidance(1.7), make()
    model, record = guided(inner, combiner), RECORD[:4]
    got = run(combiner, sampler, inner, params, eos=7, record=record)
    for pad in (0, 3):
        prompts = np.pad(PROMPTS, ((0, 0), (0, 0), (0, pad)))
        tokens = np.pad(got.tokens, ((0, 0), (0, pad)))
        again = score(model, (params, combiner), prompts, tokens, sampler, lengths=LENGTHS,
                      token_lengths=got.lengths, key=KEY, record=record)  # fmt: skip
        for field in record:
            # The contract's 1e-5: another batch shape rounds a model's matmuls another way.
            np.testing.assert_allclose(getattr(again, field)[:, :N], getattr(got, field), atol=1e-5)


@pytest.mark.parametrize("name", ["recurrent", "linen"])
def test_the_hidden_state_is_the_conditional_streams(name):
    model, make = MODELS[name]
    sampler = toys.Learned.of(D)
    got = run(Guidance(1.0), sampler, model, make())
    alone = plain(sampler, model, make())
    np.testing.assert_array_equal(got.tokens, alone.tokens)
    # Four rows to a matmul or two.
    np.testing.assert_allclose(got.decoding.hidden, alone.decoding.hidden, atol=1e-5)


@transform(kind="token")
class Told(Transform):
    """Its state is what it was told of the prompt."""

    def init(self, key, prompt):
        return prompt.tokens, prompt.length, prompt.budget

    def __call__(self, logits, state=None, hidden=None):
        return logits


def test_the_prompt_is_the_conditional_streams_and_the_longer_one_takes_from_the_room():
    got = run(Guidance(1.0), Told(), max_length=9)
    tokens, length, budget = got.decoding.state
    np.testing.assert_array_equal(tokens, np.pad(PROMPTS[:, 0], ((0, 0), (0, 5))))
    np.testing.assert_array_equal(length, LENGTHS[:, 0])
    np.testing.assert_array_equal(budget, [5, 5])
    np.testing.assert_array_equal(got.lengths, [5, 5])
    np.testing.assert_array_equal(got.decoding.position, LENGTHS[:, 0] + 5)


def test_rows_mix_combiners():
    scales = [Guidance(1.0), Guidance(3.0)]
    mixed = run(stack(scales), axes=0)
    for b, combiner in enumerate(scales):
        np.testing.assert_array_equal(mixed.tokens[b], run(combiner).tokens[b])
    sampled = run(stack(scales), axes=0, samples=3)
    for b, combiner in enumerate(scales):
        np.testing.assert_array_equal(sampled.tokens[b], run(combiner, samples=3).tokens[b])


def test_a_step_costs_two_rows_in_one_call():
    seen = []

    def apply(params, tokens, positions, cache):
        seen.append(tokens.shape)
        return TABLE.apply(params, tokens, positions, cache)

    run(Guidance(2.0), chain(), TABLE._replace(apply=apply), early_stop=False)
    assert seen == [(4, 4), (4, 1)]


def test_rows_can_be_gathered_and_replaced():
    model, params = guided(TABLE, Guidance(2.0)), (TABLE_PARAMS, Guidance(2.0))
    first = run(Guidance(2.0), max_new_tokens=5)
    assert all(leaf.shape[0] == 2 for leaf in jax.tree.leaves(first.decoding))
    swapped = jax.tree.map(lambda x: x[np.array([1, 0])], first.decoding)
    rest = resume(model, params, swapped, SAMPLER, max_new_tokens=N - 5)
    np.testing.assert_array_equal(rest.tokens[::-1], run(Guidance(2.0)).tokens[:, 5:])


def test_another_number_compiles_nothing_anew(counted):
    inner = TABLE._replace(apply=counted(TABLE.apply))
    assert guided(inner, Guidance(1.0)) is guided(inner, Guidance(jnp.float32(4.0)))
    assert guided(inner, Guidance(1.0)) is not guided(inner, Contrast(0.5))
    for scale in (1, 2.5, np.float64(3)):
        run(Guidance(scale), model=inner)
        traces = inner.apply.traces if scale == 1 else traces  # noqa: F821
    assert inner.apply.traces == traces


def test_steps_by_hand_and_a_combiner_of_ones_own():
    combiner = Partial(lambda weight, c, u: (1 + weight) * c - weight * u, np.float32(0.8))
    model, params = guided(TABLE, combiner), (TABLE_PARAMS, combiner)
    d = prefill(KEY, model, params, PROMPTS, SAMPLER, max_length=20, lengths=LENGTHS)
    tokens = []
    for _ in range(3):
        d, seen = step(model, params, d, SAMPLER)
        tokens.append(seen.tokens)
    np.testing.assert_array_equal(np.stack(tokens, 1), run(combiner).tokens[:, :3])


def test_gradients_reach_the_combiner():
    tokens = jax.random.randint(KEY, (2, 6), 0, models.V)

    @jax.jit
    @jax.value_and_grad
    def mean(scale):
        combiner = Guidance(scale)
        params = TABLE_PARAMS / 4, combiner
        return jnp.mean(
            score(guided(TABLE, combiner), params, PROMPTS, tokens, SAMPLER, key=KEY).model_logprobs
        )

    (low, _), (_, slope), (high, _) = (mean(x) for x in (1.49, 1.5, 1.51))
    # Central differences of float32 numbers near 5: 1e-6 over a step of 2e-2.
    np.testing.assert_allclose(slope, (high - low) / 0.02, rtol=2e-3)


def test_the_story_model_writes_under_guidance_what_it_is_scored_at():
    checkpoint = jaxsample_models.embedded()
    params, combiner = (checkpoint.params, Guidance(1.0)), Guidance(1.0)
    model = guided(checkpoint.model, combiner)
    sampler = chain(Temperature(0.9), TopP(0.95))
    prompts = np.array([[[1, 2, 3], [1, 0, 0]], [[1, 2, 0], [1, 3, 4]]])
    lengths = np.array([[3, 1], [2, 3]])
    run = functools.partial(generate, KEY, max_new_tokens=10, max_length=16)
    got = run(model, params, prompts, sampler, lengths=lengths)
    alone = run(checkpoint.model, params[0], prompts[:, 0], sampler, lengths=lengths[:, 0])
    np.testing.assert_array_equal(got.tokens, alone.tokens)
    params = checkpoint.params, Guidance(3.0)
    got = run(model, params, prompts, sampler, lengths=lengths)
    assert np.any(got.tokens != alone.tokens)
    seen = score(model, params, prompts, got.tokens, sampler, lengths=lengths)
    # Logits of size 10 three times over, from matmuls of another shape.
    np.testing.assert_allclose(seen.logprobs, got.logprobs, atol=1e-4)


def test_strict_promotion_and_wide_types():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        for wide in (False, True):
            with jax.enable_x64(wide):
                combiner = stack([KLTemperature(1.0, 2.0), KLTemperature(0.5, np.inf)])
                got = run(combiner, axes=0, max_new_tokens=3)
                model, params = guided(TABLE, combiner, 0), (TABLE_PARAMS, combiner)
                seen = score(model, params, PROMPTS, got.tokens, SAMPLER, lengths=LENGTHS, key=KEY)
                assert got.tokens.dtype == jnp.int32 and seen.logprobs.dtype == jnp.float32
                np.testing.assert_allclose(seen.logprobs, got.logprobs, atol=1e-5)


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
    "as guided() got it": lambda: generate(
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
