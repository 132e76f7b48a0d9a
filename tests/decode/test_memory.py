"""With `unembed`, neither prefill nor the gradient of score holds logits [B, T, V]."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample import (
    Guidance,
    Model,
    ModelOutput,
    Temperature,
    TopP,
    chain,
    guided,
    prefill,
    score,
)
from tests.table import swept
from tests.toys import Counts, Nucleus

B, T, D, V = 2, 96, 8, 8192
WHOLE = B * T * V * 4  # bytes of [B, T, V] in float32


def _apply(params, tokens, positions, cache):
    return ModelOutput(None, params["embed"][tokens], cache)


def _unembed(params, hidden):
    return hidden @ params["embed"].T


MODEL = Model(lambda batch, length: jnp.zeros((batch, 1)), _apply, _unembed)
PARAMS = {"embed": jnp.zeros((V, D))}
TOKENS = np.zeros((B, T), np.int32)


def temporary(function, *args):
    return jax.jit(function).lower(*args).compile().memory_analysis().temp_size_in_bytes


def test_the_measure_sees_the_array_where_it_exists():
    def loss(params):
        return jax.nn.log_softmax(_unembed(params, params["embed"][TOKENS]))[:, :, 3].sum()

    assert temporary(jax.grad(loss), PARAMS) >= WHOLE


def test_prefill():
    def run(params):
        return prefill(jax.random.key(0), MODEL, params, TOKENS, TopP(0.9), max_length=T + 1).hidden

    assert temporary(run, PARAMS) < WHOLE / 4


def test_prefill_of_two_streams():
    def run(params):
        two = np.stack([TOKENS, TOKENS], 1)
        model, params = guided(MODEL, Guidance(2.0)), (params, Guidance(2.0))
        return prefill(jax.random.key(0), model, params, two, TopP(0.9), max_length=T + 1).logits

    assert temporary(run, PARAMS) < WHOLE / 4


SAMPLERS = {
    "plain": (chain(Temperature(0.8), TopP(0.9)), 1 / 4),
    "small state": (Nucleus(0.9, 0.99), 1 / 4),
    # About 2 sqrt(T) states of size V are stored: 20 for 96 tokens.
    "state of size V": (chain(Counts(0.5), Temperature(0.8)), 1 / 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", swept(SAMPLERS, ["plain", "state of size V"]))
def test_the_gradient_of_score(name):
    sampler, share = SAMPLERS[name]

    def loss(params):
        return jnp.mean(score(MODEL, params, TOKENS[:, :1], TOKENS, sampler).logprobs)

    assert temporary(jax.grad(loss), PARAMS) < WHOLE * share


@pytest.mark.parametrize("name, times", [("plain", 2), ("small state", 2), ("state of size V", 3)])
def test_the_gradient_of_score_computes_logits_again_once(name, times):
    """Each column's logits are computed for the loss, and again for the gradient.

    If the state is large, most states are computed again too, and logits with them.
    """
    columns = []

    def note(_):
        columns.append(1)
        return np.float32(0)

    def unembed(params, hidden):
        given = jax.lax.stop_gradient(hidden.reshape(-1)[0])
        zero = jax.pure_callback(note, jax.ShapeDtypeStruct((), jnp.float32), given)
        return _unembed(params, hidden) + zero

    def loss(params):
        model = Model(MODEL.init_cache, MODEL.apply, unembed)
        found = score(model, params, TOKENS[:, :1], TOKENS, SAMPLERS[name][0])
        return jnp.mean(found.logprobs)

    jax.block_until_ready(jax.jit(jax.value_and_grad(loss))(PARAMS))
    assert len(columns) // T == times


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_score_of_no_tokens(name):
    found = score(MODEL, PARAMS, TOKENS[:, :1], TOKENS[:, :0], SAMPLERS[name][0])
    assert found.logprobs.shape == (B, 0)
