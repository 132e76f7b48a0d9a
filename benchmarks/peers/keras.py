"""The samplers of keras-hub on its JAX backend, jitted as in its `generate`.

If k and p are given, p counts the mass of the whole row and not of the k kept tokens. So it keeps
at least the tokens that the others keep.
"""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"

import jax  # noqa: E402
import keras  # noqa: E402
import keras_hub  # noqa: E402
from harness.worker import serve  # noqa: E402

from peers.compiled import by_settings, rows  # noqa: E402


def sampler(chain):
    temperature, k, p = chain["temperature"], chain["top_k"], chain["top_p"]
    if p is not None:
        return keras_hub.samplers.TopPSampler(p=p, k=k, temperature=temperature, seed=0)
    if k is not None:
        return keras_hub.samplers.TopKSampler(k=k, temperature=temperature, seed=0)
    return keras_hub.samplers.RandomSampler(temperature=temperature, seed=0)


@by_settings
def program(chain):
    made = sampler(chain)

    def draw(seeds, logits):
        """Draw with the sampler's seeds as an argument and a result, as in its own loop."""
        with keras.StatelessScope(list(zip(made.variables, seeds, strict=True))) as scope:
            tokens = made.get_next_token(made.compute_probabilities(logits))
        return tokens, [scope.get_current_value(variable) for variable in made.variables]

    return draw


def prepare(path, chain):
    if chain["per_row"] or chain["theta"] is not None or chain["min_p"] is not None:
        return None
    logits, run = rows(path), program(chain)
    seeds = [variable.value for variable in sampler(chain).variables]

    def call(i):
        nonlocal seeds
        del i  # the sampler advances its own seeds
        tokens, seeds = jax.block_until_ready(run(seeds, logits))
        return tokens

    return call


if __name__ == "__main__":
    serve(lambda spec: prepare(spec["path"], spec["chain"]))
