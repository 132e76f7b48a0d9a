"""Training under the strict settings of JAX."""

import contextlib

import jax
import numpy as np
import pytest
from flax import nnx

from jaxsample import RepetitionPenalty, Temperature, chain
from jaxsample.learn import KernelScore, Learned, Policy, PolicyGradient, exact_match, fit
from tests.learn import crossed
from tests.table import swept


def promotions():
    stack = contextlib.ExitStack()
    stack.enter_context(jax.numpy_dtype_promotion("strict"))
    stack.enter_context(jax.numpy_rank_promotion("raise"))
    return stack


SWITCHES = {
    "promotions": promotions,
    "transfers": lambda: jax.transfer_guard("disallow"),
    "NaN": lambda: jax.debug_nans(True),
}
POLICY = Learned(Policy("nucleus", features=(), hidden_size=4, width=4, rngs=nnx.Rngs(0)))
OBJECTIVE = PolicyGradient(
    KernelScore(exact_match), 3, 2, epochs=2, clip=0.2, kl=0.1, normalize="text"
)


@pytest.mark.parametrize("switch", swept(SWITCHES, ["promotions"]))
def test_fit_on_logits(switch, tmp_path):
    data = crossed.draw(jax.random.key(3), 16)._replace(prompts=None)
    key = jax.random.key(0)
    with SWITCHES[switch]():
        found = fit(
            key, POLICY, None, None, data, steps=2, batch_size=8, every=1, microbatches=2,
            held_out=data, folder=tmp_path,
        )  # fmt: skip
    assert np.isfinite(found.loss)
    assert jax.tree.structure(found.sampler) == jax.tree.structure(POLICY)


@pytest.mark.parametrize("switch", swept(SWITCHES, ["transfers"]))
def test_fit_on_a_model_and_a_stream(switch):
    def stream(key):
        return crossed.draw(key, 4)._replace(logits=None, hidden=None)

    sampler = chain(RepetitionPenalty(1.1), Temperature(1.0))
    key = jax.random.key(0)
    with SWITCHES[switch]():
        found = fit(
            key, sampler, crossed.MODEL, crossed.PARAMS, stream, steps=2, every=2,
            objective=OBJECTIVE,
        )  # fmt: skip
    assert np.isfinite(found.loss)
