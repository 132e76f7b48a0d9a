"""A model of five tokens whose texts can be listed, with their exact probabilities."""

import itertools

import jax.numpy as jnp
import numpy as np

from jaxsample import Model, ModelOutput

V, N, EOS = 5, 4, 4
PARAMS = np.random.default_rng(3).standard_normal((V, V)).astype(np.float32)


def _cache(batch, max_length):
    return jnp.zeros((batch, max_length), jnp.int32)


def _apply(params, tokens, positions, cache):
    """Give logits of the last two tokens, the earlier of which is read from the cache."""
    rows = jnp.arange(tokens.shape[0])[:, None]
    slots = jnp.where(positions < 0, cache.shape[1], positions)
    cache = cache.at[rows, slots].set(tokens, mode="drop")
    before = cache[rows, jnp.maximum(positions - 1, 0)]
    return ModelOutput(params[tokens] + params.T[before], None, cache)


MODEL = Model(_cache, _apply)


def texts(prompt, change=lambda row, written: row, normalised=False, stop=((EOS,),)):
    """Return every text that may follow a prompt, and its log-probability, in float64.

    Args:
        prompt: a list of tokens.
        change: the sampler, as a function of a row of logits and the tokens before it.
        normalised: whether the sampler changes log-probabilities, whose sum is then returned.
        stop: sequences that end a text.
    """

    def ended(text):
        return any(text[-len(end) :] == end for end in stop)

    found, sums = [], []
    for length in range(1, N + 1):
        for text in itertools.product(range(V), repeat=length):
            if any(ended(text[:n]) for n in range(1, length)) or not (length == N or ended(text)):
                continue
            written, total = list(prompt), 0.0
            for token in text:
                before = written[-2] if len(written) > 1 else written[0]
                row = PARAMS[written[-1]].astype(np.float64) + PARAMS.T[before]
                if normalised:
                    row = change(row - np.logaddexp.reduce(row), written)
                else:
                    row = change(row, written)
                    row = row - np.logaddexp.reduce(row)
                total += row[token]
                written.append(token)
            found.append(text)
            sums.append(total)
    return found, np.array(sums)
