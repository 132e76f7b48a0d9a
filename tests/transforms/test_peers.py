"""Regression tests for defects of other libraries; each test names the defect."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxsample import (
    XTC,
    DynamicTemperature,
    EntropyTemperature,
    FrequencyPenalty,
    MinP,
    Mirostat,
    Prompt,
    Quadratic,
    RepetitionPenalty,
    Temperature,
    TopK,
    TopNSigma,
    TopP,
    Typical,
    chain,
    draw,
    generate,
)
from tests.decode.models import TABLE, TABLE_PARAMS
from tests.statistics import FALSE_ALARM, draws, p_value

KEYS = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(2), i))(jnp.arange(64))


def kept(sampler, row):
    out = jax.jit(lambda s, x: s(x))(sampler, jnp.asarray(row, jnp.float32))
    return np.flatnonzero(np.asarray(out) > -np.inf).tolist()


def test_rows_with_a_temperature_each_do_not_share_their_noise():
    """A vmap over temperatures that closed over the key drew the same tokens in every row."""
    one = lambda key, t: draw(key, Temperature(t)(jnp.zeros(1000)))  # noqa: E731
    tokens = jax.jit(jax.vmap(one))(KEYS, jnp.linspace(0.5, 2.0, 64))
    # 64 draws from 1000 tokens give 62 distinct ones on average, and hardly ever 50.
    assert len(np.unique(tokens)) > 50


def test_bfloat16_rows_are_drawn_without_bias_through_a_filter():
    """Noise in bfloat16, with ties to the first index, is off by a variation of .49."""
    row = jnp.asarray(3 * np.random.default_rng(0).standard_normal(64), jnp.bfloat16)
    expected = np.exp(np.float64(row) - np.float64(row).max())
    tokens = draws(1, chain(Temperature(1.0), TopP(1.0))(row))
    assert p_value(tokens, expected / expected.sum()) > FALSE_ALARM


def test_a_min_p_after_top_k_does_not_undo_it():
    """A min-p that wrote 0 instead of -inf restored the tokens that top-k had dropped."""
    row = -np.arange(1.0, 9.0)
    assert kept(TopK(2), row) == [0, 1]
    assert kept(chain(TopK(2), MinP(0.0)), row) == [0, 1]
    assert kept(chain(TopK(2), MinP(0.1)), row) == [0, 1]
    assert kept(chain(TopK(2), MinP(0.9)), row) == [0]


def test_min_p_compares_probabilities_not_logits():
    """`logit >= p * max logit` drops all tokens of a negative row, too few of a positive one."""
    assert kept(MinP(0.1), [-1.0, -2.0, -3.0, -4.0]) == [0, 1, 2]
    assert kept(MinP(0.1), [20.0, 19.0, 10.0, 1.0]) == [0, 1]


def test_small_distributions_are_drawn_without_bias():
    """Noise from a multiplicative hash drew a token of probability .125 with .031."""
    tokens = draws(5, jnp.log(jnp.array([0.5, 0.25, 0.125, 0.125])))
    assert p_value(tokens, [0.5, 0.25, 0.125, 0.125]) > FALSE_ALARM


def test_top_p_at_temperature_zero_is_greedy():
    """0 / 0 made every draw return the last token."""
    row = jnp.array([1.0, 5.0, 2.0, 0.0])
    for sampler in (
        Temperature(0.0),
        chain(Temperature(0.0), TopP(0.9)),
        chain(TopP(0.9), Temperature(0.0)),
        chain(EntropyTemperature(0.0, 0.5), MinP(0.1)),
    ):
        tokens = jax.jit(jax.vmap(draw, (0, None)))(KEYS, sampler(row))
        assert set(np.asarray(tokens).tolist()) == {1}


def test_a_temperature_alone_still_draws():
    """A temperature without top-p was greedy."""
    row = jnp.array([1.0, 1.1, 0.9, 1.0])
    tokens = jax.jit(jax.vmap(draw, (0, None)))(KEYS, Temperature(0.8)(row))
    assert len(np.unique(tokens)) == 4


def test_top_p_keeps_the_token_that_crosses():
    """`cumulative <= p` drops the token that crosses p, and keeps a mass of .7 instead of .8."""
    row = np.log([0.4, 0.3, 0.2, 0.1])
    assert kept(TopP(0.8), row) == [0, 1, 2]
    assert kept(TopP(0.69), row) == [0, 1]


def test_top_p_adds_no_token_where_the_mass_is_reached_exactly():
    """A shifted `cumulative <= p` keeps one token too many if the mass equals p exactly."""
    row = np.log2([0.5, 0.25, 0.125, 0.125]) * np.float64(np.log(2))
    # The masses are dyadic and only exp rounds, so also test slightly off the edge.
    assert kept(TopP(0.5), np.array([0.0, -np.inf, 0.0])) == [0, 2]
    assert kept(TopP(0.499), row) == [0]
    assert kept(TopP(0.501), row) == [0, 1]
    assert kept(TopP(0.75), np.repeat(0.0, 4)) == [0, 1, 2, 3]


def test_top_p_of_zero_keeps_the_best_token():
    """`exclusive sum < p` keeps no token at p = 0."""
    assert kept(TopP(0.0), [0.0, 2.0, 1.0]) == [1]
    assert kept(TopP(0.0), [2.0, 2.0, 1.0]) == [0, 1]
    assert kept(TopP(jnp.float32(-1.0)), [0.0, 2.0, 1.0]) == [1]


def test_ties_at_the_edge_do_not_depend_on_position():
    """A top-k that sorts keeps only the lowest ids of a tie."""
    row = [1.0, 2.0, 1.0, 3.0, 1.0]
    assert kept(TopK(3), row) == [0, 1, 2, 3, 4]
    assert kept(TopK(3), row[::-1]) == [0, 1, 2, 3, 4]
    assert kept(TopK(2), row) == [1, 3]
    assert kept(TopP(0.9), row) == [0, 1, 2, 3, 4]


def test_the_last_tokens_of_a_flat_bfloat16_row_are_kept():
    """A cumulative sum in bfloat16 exceeds 1 early in the row, and drops the other tokens."""
    row = jnp.asarray(np.linspace(0, 1e-2, 4096), jnp.bfloat16)
    assert len(kept(TopP(1.0), row)) == 4096
    share = len(kept(TopP(0.9), row.astype(jnp.float32))) / 4096
    assert 0.85 < share < 0.99


def test_a_mask_before_a_temperature_leaves_its_gradient_finite():
    """-inf / t**2 * 0 is NaN, and so are a naive entropy of a masked row and its gradient."""
    row = jnp.array([1.0, 0.5, -2.0, 0.0])
    for build in (
        lambda t: chain(TopK(2), Temperature(t)),
        lambda t: chain(TopK(2), EntropyTemperature(t, 0.5)),
        lambda t: chain(TopK(1), EntropyTemperature(1.0, t)),
    ):
        run = jax.jit(jax.grad(lambda t, b=build: jax.nn.log_softmax(b(t)(row))[0]))
        assert np.isfinite(run(0.7))


def test_temperature_zero_divides_no_zero_by_zero():
    """Gemma's sampler divides by 0, so a maximum of 0 becomes NaN and others become infinite."""
    for top in (-3.0, 0.0, 3.0):
        row = jnp.array([top - 1, top, -jnp.inf, top - 9])
        out = jax.jit(lambda s, x: s(x))(Temperature(0.0), row)
        np.testing.assert_array_equal(out, [-np.inf, 0, -np.inf, -np.inf])
        slope = jax.jit(jax.grad(lambda x: Temperature(0.0)(x)[1]))(row)
        assert np.isfinite(slope).all()


def test_a_tiny_top_p_does_not_mask_every_token():
    """In mlx 1 - 1e-8 rounds to 1, no cumulative sum exceeds it, and all tokens become -inf."""
    row = [1.0, 3.0, 2.0, -1.0]
    for p in (1e-3, 1e-7, 1e-8, 1e-30):
        assert kept(TopP(p), row) == [1]
    assert kept(TopP(1e-8), jnp.asarray(row, jnp.bfloat16)) == [1]


def test_typical_after_top_n_sigma_is_still_typical():
    """In llama.cpp the 0 log 0 of masked tokens is NaN, and typical becomes a top-p."""
    row = [10, 9.5, 9, 8.5, 5, 0, -3, -4]
    assert kept(Typical(0.25), row[:5]) == [1]
    assert kept(chain(TopNSigma(1.0), Typical(0.25)), row) == [1]


def test_typical_keeps_the_token_that_crosses():
    """aphrodite and exllamav2 drop it, and keep only half of the requested mass."""
    assert kept(Typical(0.45), np.log([0.4, 0.3, 0.2, 0.1])) == [1, 2]


def test_top_n_sigma_after_a_mask_is_not_off():
    """In aphrodite the deviation of a row with a -inf is NaN, and no token is dropped.

    text-generation-webui takes masked tokens for logits of 0, which widens the deviation.
    """
    row = np.array([10, 9, 5.9, 0, -3, -4, 5])
    assert kept(TopNSigma(1.0), row[[0, 1, 2, 3]]) == [0, 1]
    masked = np.where(np.arange(7) < 4, row, -np.inf)
    assert kept(TopNSigma(1.0), masked) == [0, 1]
    filled = np.where(np.arange(7) < 4, row, 0.0)
    assert filled.std() > masked[:4].std() and filled.max() - filled.std() < 5.9


def test_top_p_after_top_k_is_a_share_of_what_is_left():
    """sglang uses the probabilities before top-k, and keeps more tokens than requested."""
    row = np.log([0.3, 0.2, 0.2, 0.15, 0.15])
    assert kept(chain(TopK(3), TopP(0.4)), row) == [0]
    assert kept(TopP(0.4), row) == [0, 1, 2]


ENTROPIES = jnp.array([[9.0, 0, 0, 0], [1, 0.9, 0.8, 0.7], [3, 1, -1, -3], [0, 0, 0, 0]])


def each_alone(sampler, rows):
    """A transformed batch, and its rows transformed separately at the same shape."""
    run = jax.jit(lambda s, x: jax.vmap(s)(x))
    batch = np.asarray(run(sampler, rows))
    alone = [np.asarray(run(sampler, jnp.stack([row] * len(rows))))[0] for row in rows]
    np.testing.assert_array_equal(batch, alone)
    return batch


def test_a_dynamic_temperature_is_of_its_own_row():
    """text-generation-webui sums the entropy over the batch, so its temperature is too high."""
    batch = each_alone(DynamicTemperature(0.5, 1.5), ENTROPIES)
    temperatures = (ENTROPIES[:3, 1] - ENTROPIES[:3, 0]) / batch[:3, 1]
    assert 0.5 < temperatures[0] < 0.6 < temperatures[2] < 1.3 < temperatures[1] < 1.5


def test_a_dynamic_temperature_of_one_token_is_a_number():
    """In aphrodite the entropy of one token divided by log 1 is 0 / 0."""
    row = jnp.array([-jnp.inf, 2.0, -jnp.inf])
    out = jax.jit(lambda s, x: s(x))(DynamicTemperature(0.5, 1.5), row)
    np.testing.assert_array_equal(out, [-np.inf, 0, -np.inf])


def test_smoothing_is_by_the_maximum_of_its_own_row():
    """text-generation-webui uses the largest logit of the batch for all rows."""
    batch = each_alone(Quadratic(0.3), ENTROPIES)
    np.testing.assert_array_equal(batch.max(axis=1), ENTROPIES.max(axis=1))
    np.testing.assert_allclose(batch[2], [3, 1.8, -1.8, -7.8], rtol=1e-6)


def test_xtc_decides_for_each_row_and_step_anew():
    """mlx decides once for the whole batch, so either all rows or none lose top choices."""
    xtc, row = XTC(0.2, 0.4), jnp.log(jnp.array([0.5, 0.375, 0.125]))

    @jax.jit
    def acts(keys):
        def steps(key):
            def one(state, _):
                return xtc.update(state, row, 1), xtc(row, state)[0] == -jnp.inf

            return jax.lax.scan(one, xtc.init(key, None), length=50)[1]

        return jax.vmap(steps)(keys)

    acted = np.asarray(acts(KEYS))
    assert 0.37 < acted.mean() < 0.43  # 3200 decisions: 3.5 standard errors
    # If the steps of a row or the rows of a step shared a draw, a mean would be 0 or 1.
    assert 0.1 < acted.mean(axis=0).min() and acted.mean(axis=0).max() < 0.7
    assert 0.1 < acted.mean(axis=1).min() and acted.mean(axis=1).max() < 0.7


def test_mirostat_carries_its_mu_from_step_to_step():
    """Wrappers of llama.cpp reset mu to 2 tau at every token, so mu did not adapt."""
    prompts = np.array([[3, 1], [4, 5]])
    made = generate(
        jax.random.key(4), TABLE, TABLE_PARAMS, prompts, Mirostat(2.0, 0.3), max_new_tokens=12
    )
    mu, table, tokens = np.full(2, 4.0), np.float64(TABLE_PARAMS), np.asarray(made.tokens)
    for n in range(12):
        last = prompts[:, -1] if n == 0 else tokens[:, n - 1]
        weights = np.exp(table[last] + table[(prompts.shape[1] - 1 + n) % 7] * 0.5)
        p = weights[np.arange(2), tokens[:, n]] / weights.sum(axis=1)
        mu -= 0.3 * (-np.log2(p) - 2.0)
    np.testing.assert_allclose(made.decoding.state, mu, rtol=1e-4)
    assert (np.abs(mu - 4) > 0.05).any()


def test_penalties_count_what_their_scope_says():
    """sglang excludes the prompt from the repetition penalty; TensorRT-LLM always includes it.

    Neither may count padding, as left padding was in transformers.
    """
    tokens = jnp.array([1, 2, 2, 0, 0, 0], jnp.int32)  # a prompt of three tokens, and padding
    prompt = Prompt(tokens, jnp.int32(3), jnp.int32(3), 5)
    row = jnp.array([1.0, 1, 1, 1, 1])
    expected = {
        "all": ([1, 0.5, 0.5, 0.5, 1], [1, 0, -1, 0, 1]),
        "prompt": ([1, 0.5, 0.5, 1, 1], [1, 0, -1, 1, 1]),
        "output": ([1, 1, 1, 0.5, 1], [1, 1, 1, 0, 1]),
    }
    for scope, (repeated, counted) in expected.items():
        for penalty, wanted in ((RepetitionPenalty(2.0, scope), repeated),
                                (FrequencyPenalty(1.0, scope), counted)):  # fmt: skip
            state = penalty.update(penalty.init(None, prompt), row, jnp.int32(3))
            np.testing.assert_array_equal(penalty(row, state), wanted, err_msg=scope)


def test_the_order_of_penalties_is_the_order_written():
    """sglang ran its penalties in the order of a set of classes, which is arbitrary."""
    prompt, row = Prompt.of([0], 2, 0), jnp.array([2.0, 0.0])

    def run(*members):
        sampler = chain(*members)
        return float(sampler(row, sampler.init(None, prompt))[0])

    assert run(RepetitionPenalty(2.0), FrequencyPenalty(1.0)) == 0.0
    assert run(FrequencyPenalty(1.0), RepetitionPenalty(2.0)) == 0.5
