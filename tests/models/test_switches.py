"""The models under JAX's own switches."""

import contextlib
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsample_models import embedded, load

from . import families

SWITCHES = {
    "rank_promotion": lambda: jax.numpy_rank_promotion("raise"),
    "dtype_promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "transfer_guard": lambda: jax.transfer_guard("disallow"),
    "debug_nans": lambda: jax.debug_nans(True),
    "x64": lambda: jax.enable_x64(True),
}


TRACED = ("gpt2", "llama-llama3", "qwen2-windows", "gemma2", "ministral3", "mixtral")


@pytest.fixture(scope="module")
def checkpoint(request, tmp_path_factory):
    if request.param == "stories":
        return embedded()
    return load(families.write(request.param, tmp_path_factory.mktemp(request.param)))


def slots_of(config):
    """Return a length at which attention goes block by block, where the model allows it."""
    return 8 if config.positions == "learned" else 300


def decode(model, slots, params, tokens, positions, later):
    """Prefill a ragged batch and take one step: hidden states and logits of both."""
    cache = model.init_cache(2, slots)
    first = model.apply(params, tokens, positions, cache)
    second = model.apply(params, tokens[:, :1], later, first.cache)
    return first.hidden, second.hidden, model.unembed(params, second.hidden[:, 0])


BATCH = (
    np.array([[1, 5, 7], [1, 9, 0]], np.int32),
    np.array([[0, 1, 2], [0, 1, -1]], np.int32),
    np.array([[3], [2]], np.int32),
)


@pytest.mark.parametrize("checkpoint", ["stories", *families.swept(TRACED)], indirect=True)
@pytest.mark.parametrize("switch", SWITCHES)
def test_it_traces_under(switch, checkpoint):
    run = functools.partial(decode, checkpoint.model, slots_of(checkpoint.config))
    with SWITCHES[switch]():
        found = jax.eval_shape(run, checkpoint.params, *BATCH)
    assert {leaf.dtype for leaf in found} == {jnp.dtype("float32")}


@pytest.mark.parametrize("checkpoint", ["stories", *families.swept(())], indirect=True)
def test_it_runs_under_all(checkpoint):
    batch = jax.device_put(BATCH)
    run = jax.jit(decode, static_argnums=(0, 1))
    with contextlib.ExitStack() as stack:
        for switch in SWITCHES.values():
            stack.enter_context(switch())
        slots = slots_of(checkpoint.config)
        checkpoint.model.init_cache(2, slots)
        found = run(checkpoint.model, slots, checkpoint.params, *batch)
    assert all(jnp.isfinite(leaf).all() for leaf in found)
