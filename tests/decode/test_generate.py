"""`generate` against a slow loop, and against itself in chunks, steps and other batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Temperature, TopK, TopP, chain, generate, prefill, resume, stack, step, stream
from tests import toys
from tests.decode.models import TABLE, TABLE_PARAMS, V, slow
from tests.table import swept

KEY = jax.random.key(5)
PROMPTS = np.array([[3, 1, 4, 1], [5, 9, 0, 0], [2, 6, 5, 0], [8, 0, 0, 0]], np.int32)
LENGTHS = np.array([4, 2, 3, 1], np.int32)
B, N = 4, 16
STATEFUL = chain(toys.Counts(0.7), Temperature(1.1), toys.Nucleus(0.95, 0.98))
SAMPLERS = {
    "plain": chain(),
    "one transform": TopK(8),
    "chain": chain(Temperature(0.8), TopK(20), TopP(0.9)),
    "stateful": STATEFUL,
}
RECORD = ("logprobs", "model_logprobs", "entropy", "kept", ("support", 5), ("top", 3))
NEVER = 99  # not in the vocabulary; ids on a device are not checked


def ends(*eos, stop=()):
    """Return eos and stop padded to one shape, so that all calls share a compiled program."""
    stop = [*stop, *[[60] * 32] * (2 - len(stop))]  # no row draws 60 so often
    return dict(eos=jnp.array([*eos, *[NEVER] * (4 - len(eos))]), stop=stop)


OPTIONS = dict(lengths=LENGTHS, max_length=40, record=RECORD, **ends())


def run(sampler, **changes):
    options = dict(max_new_tokens=N) | OPTIONS | changes
    return generate(KEY, TABLE, TABLE_PARAMS, PROMPTS, sampler, **options)


def continued(decoding, sampler, count, **changes):
    options = dict(record=RECORD, **ends()) | changes
    return resume(TABLE, TABLE_PARAMS, decoding, sampler, max_new_tokens=count, **options)


def same(a, b, but=("decoding",)):
    """Compare every array of two generations bit for bit."""
    a, b = a._replace(**dict.fromkeys(but)), b._replace(**dict.fromkeys(but))
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("name", swept(SAMPLERS, ["chain", "stateful"]))
def test_a_slow_loop_draws_the_same_tokens(name):
    eos, stop = (7, 30), [[11, 12], [40]]
    sampler, budget = SAMPLERS[name], np.array([16, 16, 5, 16])
    got = run(sampler, budget=budget, pad=59, **ends(*eos, stop=stop))
    for b in range(B):
        tokens, logprobs, kept = slow(
            jax.random.fold_in(KEY, b),
            TABLE_PARAMS,
            PROMPTS[b, : LENGTHS[b]],
            sampler,
            count=N,
            max_length=40,
            budget=int(budget[b]),
            eos=eos,
            stop=stop,
        )
        n = len(tokens)
        assert got.lengths[b] == n
        np.testing.assert_array_equal(got.tokens[b], tokens + [59] * (N - n))
        # The two programs sum 61 exponentials in float32 in different orders.
        np.testing.assert_allclose(got.logprobs[b, :n], logprobs, atol=1e-5)
        np.testing.assert_array_equal(got.kept[b], kept + [0] * (N - n))
        assert not np.any(got.logprobs[b, n:])


def test_records_mean_what_they_say():
    got = run(SAMPLERS["chain"])
    logits = np.asarray(TABLE_PARAMS, np.float64)
    for b in range(B):
        last, position = PROMPTS[b, LENGTHS[b] - 1], LENGTHS[b] - 1
        for n in range(N):
            row = logits[last] + 0.5 * logits[position % 7]
            logp = row - np.log(np.sum(np.exp(row)))
            token = int(got.tokens[b, n])
            # Logits of size 5 in float32 are compared with float64.
            np.testing.assert_allclose(got.model_logprobs[b, n], logp[token], atol=1e-5)
            np.testing.assert_allclose(got.entropy[b, n], -np.sum(np.exp(logp) * logp), atol=1e-5)
            likeliest = np.argsort(-logp)[:3]
            np.testing.assert_array_equal(got.top.ids[b, n], likeliest)
            np.testing.assert_allclose(got.top.logprobs[b, n], logp[likeliest], atol=1e-5)
            kept = int(got.kept[b, n])
            ids = np.argsort(-logp)[: min(kept, 5)]
            np.testing.assert_array_equal(got.support.ids[b, n], [*ids, *[-1] * (5 - len(ids))])
            assert bool(got.support.larger[b, n]) == (kept > 5)
            last, position = token, position + 1


def test_records_that_were_not_asked_for_are_none():
    got = run(chain(), record=(), eos=(), stop=())
    assert all(
        getattr(got, name) is None
        for name in ("logprobs", "model_logprobs", "entropy", "kept", "support", "top")
    )


def test_generate_equals_generate_then_resume():
    whole = run(STATEFUL, **ends(7))
    first = run(STATEFUL, max_new_tokens=8, **ends(7))
    rest = continued(first.decoding, STATEFUL, N - 8, **ends(7))
    for field in ("tokens", "logprobs", "entropy", "kept"):
        both = np.concatenate([getattr(first, field), getattr(rest, field)], axis=1)
        np.testing.assert_array_equal(both, getattr(whole, field))
    np.testing.assert_array_equal(first.lengths + rest.lengths, whole.lengths)
    keys = [jax.random.key_data(g.decoding.keys) for g in (rest, whole)]
    np.testing.assert_array_equal(*keys)
    jax.tree.map(
        np.testing.assert_array_equal,
        rest.decoding._replace(keys=None, cache=None, logits=None),
        whole.decoding._replace(keys=None, cache=None, logits=None),
    )


def test_chunks_of_a_stream_concatenate_to_generate():
    per_row = stack(
        [chain(toys.Counts(s), TopK(k)) for s, k in [(0, 3), (1, 9), (0.5, 61), (2, 1)]]
    )
    options = OPTIONS | dict(sampler_axes=0, samples=3, eos=7, stop=[[1, 2]], pad=60)
    whole = run(per_row, **options)
    chunks = list(
        stream(KEY, TABLE, TABLE_PARAMS, PROMPTS, per_row, max_new_tokens=N, chunk=7, **options)
    )
    assert [c.tokens.shape[-1] for c in chunks] == [7, 7, 2]
    np.testing.assert_array_equal(np.concatenate([c.tokens for c in chunks], -1), whole.tokens)
    np.testing.assert_array_equal(np.concatenate([c.logprobs for c in chunks], -1), whole.logprobs)


def test_stopping_early_changes_nothing_but_time():
    options = ends(7, 30, 2, 9)
    same(run(STATEFUL, **options), run(STATEFUL, early_stop=False, **options))


def test_steps_by_hand_equal_generate():
    d = prefill(KEY, TABLE, TABLE_PARAMS, PROMPTS, STATEFUL, max_length=40, lengths=LENGTHS)
    tokens = []
    for _ in range(5):
        d, seen = step(TABLE, TABLE_PARAMS, d, STATEFUL, eos=7)
        tokens.append(seen.tokens)
    np.testing.assert_array_equal(np.stack(tokens, 1), run(STATEFUL, **ends(7)).tokens[:, :5])


def test_samples_equal_calls_with_folded_row_keys():
    keys = jax.vmap(lambda b: jax.random.fold_in(KEY, b))(jnp.arange(B))
    many = run(STATEFUL, samples=3)
    assert many.tokens.shape == (B, 3, N) and many.lengths.shape == (B, 3)
    for g in range(3):
        folded = jax.vmap(lambda k: jax.random.fold_in(k, g))(keys)  # noqa: B023
        one = generate(
            folded,
            TABLE,
            TABLE_PARAMS,
            PROMPTS,
            STATEFUL,
            max_new_tokens=N,
            **OPTIONS,
        )
        np.testing.assert_array_equal(many.tokens[:, g], one.tokens)
        np.testing.assert_array_equal(many.decoding.n[g::3], one.decoding.n)


@pytest.mark.slow
def test_resume_with_samples_only_shapes_its_output():
    first = run(STATEFUL, samples=3, max_new_tokens=8)
    rest = continued(first.decoding, STATEFUL, N - 8, samples=3)
    whole = run(STATEFUL, samples=3)
    np.testing.assert_array_equal(np.concatenate([first.tokens, rest.tokens], -1), whole.tokens)


def test_a_row_does_not_depend_on_neighbours_slot_or_padding():
    whole = run(STATEFUL)
    order = np.array([2, 0, 3, 1])
    keys = jax.vmap(lambda b: jax.random.fold_in(KEY, b))(order)
    wide = np.pad(PROMPTS[order], ((0, 0), (0, 5)), constant_values=17)
    moved = generate(
        keys,
        TABLE,
        TABLE_PARAMS,
        wide,
        STATEFUL,
        max_new_tokens=N,
        **OPTIONS | dict(lengths=LENGTHS[order]),
    )
    np.testing.assert_array_equal(moved.tokens, whole.tokens[order])


@pytest.mark.parametrize("b", swept(range(B), [0]))
def test_a_row_alone_gets_the_tokens_it_gets_in_a_batch(b):
    alone = generate(
        jax.random.fold_in(KEY, b)[None],
        TABLE,
        TABLE_PARAMS,
        PROMPTS[b : b + 1, : LENGTHS[b]],
        STATEFUL,
        max_new_tokens=N,
        **OPTIONS | dict(lengths=None, max_length=40 if b else None),
    )
    np.testing.assert_array_equal(alone.tokens[0], run(STATEFUL).tokens[b])


def test_rows_can_be_gathered_and_replaced():
    first = run(STATEFUL, max_new_tokens=8)
    rows = np.array([3, 1, 1, 0])
    picked = jax.tree.map(lambda x: x[rows], first.decoding)
    rest = continued(picked, STATEFUL, N - 8)
    np.testing.assert_array_equal(rest.tokens, run(STATEFUL).tokens[rows, 8:])


def test_per_row_settings_equal_each_row_under_its_own():
    settings = [chain(Temperature(t), TopK(k)) for t, k in [(0.5, 3), (1, 61), (0, 9), (2, 5)]]
    mixed = run(stack(settings), sampler_axes=0)
    for b, sampler in enumerate(settings):
        np.testing.assert_array_equal(mixed.tokens[b], run(sampler).tokens[b])
    members = chain(Temperature(jnp.array([0.5, 1, 0, 2])), TopK(7))
    mixed = run(members, sampler_axes=(0, None))
    for b, t in enumerate([0.5, 1, 0, 2]):
        np.testing.assert_array_equal(
            mixed.tokens[b], run(chain(Temperature(t), TopK(7))).tokens[b]
        )


@pytest.mark.parametrize("broken", swept([jnp.nan, -jnp.inf], [jnp.nan]))
def test_an_invalid_row_ends_once_and_leaves_its_neighbours_alone(broken):
    healthy = run(STATEFUL)
    at = 6  # the logits after this token become invalid
    victim = int(healthy.tokens[1, at])
    table = TABLE_PARAMS.at[victim].set(broken)
    got = generate(
        KEY,
        TABLE,
        table,
        PROMPTS,
        STATEFUL,
        max_new_tokens=N,
        pad=60,
        **OPTIONS,
    )
    for b in range(B):
        row, seen = np.asarray(healthy.tokens[b]), np.asarray(got.tokens[b])
        broke = np.flatnonzero(row == victim)
        # Skip a row whose prompt or positions look up the victim too.
        if victim in PROMPTS[b] or victim < 7:
            continue
        end = broke[0] if broke.size else N - 1
        np.testing.assert_array_equal(seen[: end + 1], row[: end + 1])
        if end < N - 1:
            assert seen[end + 1] == -1 and np.all(seen[end + 2 :] == 60)
            assert got.invalid[b] and got.lengths[b] == end + 1
            for name in ("logprobs", "model_logprobs", "entropy"):
                records = np.asarray(getattr(got, name)[b])
                assert np.isnan(records[end + 1]) and not np.any(records[end + 2 :])
            assert np.all(np.asarray(got.support.ids[b, end + 1]) == -1)
            assert got.decoding.done[b] and got.decoding.n[b] == end + 1
        else:
            assert not got.invalid[b]
    assert bool(got.invalid[1])
    np.testing.assert_array_equal(got.invalid_logits, got.invalid)


def test_an_invalid_row_says_whether_the_model_made_it_so():
    table = TABLE_PARAMS.at[PROMPTS[1, 1]].set(jnp.nan)
    sampler = Temperature(jnp.array([jnp.nan, 1.0, 1.0, 1.0]))
    options = OPTIONS | dict(max_new_tokens=1, sampler_axes=0)
    got = generate(KEY, TABLE, table, PROMPTS, sampler, **options)
    np.testing.assert_array_equal(got.invalid, [True, True, False, False])
    np.testing.assert_array_equal(got.invalid_logits, [False, True, False, False])


def test_budget_and_room():
    got = run(chain(), budget=np.array([0, 3, 100, 24]), max_length=20, max_new_tokens=22, pad=60)
    np.testing.assert_array_equal(got.lengths, [0, 3, 17, 19])
    np.testing.assert_array_equal(got.decoding.remaining, 0)
    assert np.all(np.asarray(got.decoding.done))
    assert np.all(np.asarray(got.tokens[0]) == 60)


def test_a_stop_sequence_matches_output_only():
    whole = run(chain())
    pair = [int(t) for t in whole.tokens[0, 3:5]]
    got = run(chain(), pad=60, **ends(stop=[pair]))
    end = next(i for i in range(1, N) if [*map(int, whole.tokens[0, i - 1 : i + 1])] == pair)
    assert got.lengths[0] == end + 1
    np.testing.assert_array_equal(got.tokens[0, : end + 1], whole.tokens[0, : end + 1])
    across = [int(PROMPTS[0, 3]), int(whole.tokens[0, 0])]
    assert run(chain(), **ends(stop=[across])).lengths[0] > 1


def test_gradients_go_through_a_scan():
    def loss(t):
        got = run(chain(Temperature(t), TopP(0.9)), early_stop=False, max_new_tokens=4)
        return jnp.mean(got.logprobs)

    value = jax.grad(loss)(0.8)
    assert np.isfinite(value) and value != 0


def test_vocabulary_reaches_the_sampler():
    counts, *_ = run(STATEFUL).decoding.state
    assert counts.shape == (B, V)
    np.testing.assert_array_equal(np.sum(counts, axis=1), N)
