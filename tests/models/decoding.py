"""A prefill of ragged rows, then one token at a time."""

import jax
import jax.numpy as jnp


def run(checkpoint, prompts, rest, lengths):
    """Prefill and feed `rest` `[B, N]` token by token: logits `[B, T, V]` and `[B, N, V]`."""
    model, params = checkpoint.model, checkpoint.params
    places = jnp.arange(prompts.shape[1])[None, :]
    positions = jnp.where(places < lengths[:, None], places, -1)
    cache = model.init_cache(len(prompts), prompts.shape[1] + rest.shape[1])

    def step(state, token):
        cache, position = state
        out = model.apply(params, token[:, None], position[:, None], cache)
        return (out.cache, position + 1), model.unembed(params, out.hidden[:, 0])

    @jax.jit
    def decode(prompts, rest, lengths, cache):
        out = model.apply(params, prompts, positions, cache)
        _, steps = jax.lax.scan(step, (out.cache, lengths), rest.T)
        return model.unembed(params, out.hidden), steps.swapaxes(0, 1)

    return decode(prompts, rest, lengths, cache)
