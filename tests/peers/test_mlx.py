"""Chains of mlx-lm's arguments, compared with the samplers that it makes of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import Prompt
from jaxsample.interop import from_mlx_arguments

mx = pytest.importorskip("mlx.core", reason="pip install 'mlx[cpu]' mlx-lm")
sample_utils = pytest.importorskip("mlx_lm.sample_utils", reason="pip install mlx-lm")
pytestmark = pytest.mark.peers

V, R, N = 40, 200, 30  # tokens, rows, history
RNG = np.random.default_rng(12)
ROWS = (2.5 * RNG.standard_normal((R, V))).astype(np.float32)
HISTORIES = RNG.integers(0, 12, (R, N)).astype(np.int32)
PROCESSORS = (
    "logit_bias repetition_penalty repetition_context_size presence_penalty presence_context_size"
    " frequency_penalty frequency_context_size"
).split()
CASES = {
    "filters": dict(temp=0.7, top_p=0.9, min_p=0.05, top_k=9),
    "penalties": dict(
        temp=1.3, logit_bias={3: 1.5, 7: -2.0}, repetition_penalty=1.3, presence_penalty=0.4,
        frequency_penalty=0.2, repetition_context_size=12, frequency_context_size=5,
    ),
    "xtc": dict(temp=0.9, min_p=0.01, xtc_probability=1.0, xtc_threshold=0.08,
                xtc_special_tokens=[0, 4, 9, 11, 20]),
    "greedy": dict(temp=0.0, top_p=0.5, repetition_penalty=1.2),
}  # fmt: skip


def theirs(arguments, monkeypatch):
    """Return the logits from which mlx-lm would draw."""
    monkeypatch.setattr(
        sample_utils, "categorical_sampling", lambda logits, temp: logits * (1 / temp)
    )
    monkeypatch.setattr(
        sample_utils,
        "greedy_sampler",
        lambda x: mx.where(x == x.max(axis=-1, keepdims=True), 0.0, -mx.inf),
    )
    processors = sample_utils.make_logits_processors(
        **{name: value for name, value in arguments.items() if name in PROCESSORS}
    )
    sampler = sample_utils.make_sampler(
        **{name: value for name, value in arguments.items() if name not in PROCESSORS}
    )
    found = []
    for row, history in zip(ROWS, HISTORIES, strict=True):
        logits = mx.array(row)[None]
        for process in processors:
            logits = process(mx.array(history), logits)
        found.append(np.array(sampler(logits - mx.logsumexp(logits, axis=-1, keepdims=True)))[0])
    return np.array(found)


@jax.jit
def ours(sampler, rows, histories):
    def one(row, history):
        prompt = Prompt(jnp.pad(history, (0, 1)), jnp.int32(N), jnp.int32(1), V)
        return sampler(row, sampler.init(jax.random.key(1), prompt))

    return jax.vmap(one)(rows, histories)


def probabilities(rows):
    weights = np.exp(rows - rows.max(axis=1, keepdims=True), dtype=np.float64)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", CASES)
def test_same_kept_sets_and_probabilities(name, monkeypatch):
    mine = np.asarray(ours(from_mlx_arguments(CASES[name]), ROWS, HISTORIES))
    other = theirs(CASES[name], monkeypatch)
    differ = np.any((mine > -np.inf) != (other > -np.inf), axis=1)
    # The two may round the edge of a row to different sides, which is rare in random rows.
    assert differ.mean() <= 0.01
    np.testing.assert_allclose(
        probabilities(mine[~differ]), probabilities(other[~differ]), atol=1e-5
    )
