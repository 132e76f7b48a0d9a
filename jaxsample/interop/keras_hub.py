"""A sampler of KerasHub that draws through a sampler of this library."""

# pyright: reportMissingImports=false, reportGeneralTypeIssues=false

from __future__ import annotations

from typing import Any, Literal

import jax
import keras
from keras_hub import samplers

from jaxsample.decode._sample_rows import sample_rows
from jaxsample.interop._serial import from_dict, to_dict
from jaxsample.interop._stateless import stateless
from jaxsample.transforms.contract._transform import Transform


@keras.saving.register_keras_serializable("jaxsample")
class Sampler(samplers.Sampler):
    """A sampler for `compile` of a `keras_hub.models.CausalLM`.

    Models that are saved with it load again with an equal sampler.

    Args:
        sampler: a transform without state. It alone decides the temperature.
        seed: an int for equal tokens in every process; None draws one.
        invalid: what a row with invalid logits draws; see `sample_rows`.

    Raises:
        ValueError: if `sampler` is no transform or has state, or Keras does not run on JAX.

    >>> drawer = Sampler(TopK(1), seed=0)
    >>> drawer.get_next_token(jnp.array([[0.0, 9.0, 1.0], [7.0, 0.0, 1.0]]))
    Array([1, 0], dtype=int32)
    """

    def __init__(
        self, sampler: Transform, seed: int | None = None, invalid: int | Literal["raise"] = "raise"
    ):
        if keras.config.backend() != "jax":
            raise ValueError(
                f"Keras runs on {keras.config.backend()}; set the environment variable "
                "KERAS_BACKEND to jax before Keras is imported"
            )
        super().__init__()
        self.sampler = stateless("KerasHub's loop", sampler)
        self.seed = seed
        self.invalid: int | Literal["raise"] = invalid
        self.seed_generator = keras.random.SeedGenerator(seed)

    def compute_probabilities(self, logits: jax.Array) -> jax.Array:
        """Return the logits `[B, V]` themselves, which `get_next_token` needs."""
        return logits

    def get_next_token(self, probabilities: jax.Array) -> jax.Array:
        """Draw a token from each row of logits `[B, V]`."""
        key: Any = self.seed_generator.next()
        return sample_rows(key, probabilities, self.sampler, invalid=self.invalid)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor as plain data."""
        return {"sampler": to_dict(self.sampler), "seed": self.seed, "invalid": self.invalid}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Sampler:
        """Make a sampler from `get_config`."""
        return cls(**config | {"sampler": from_dict(config["sampler"])})
