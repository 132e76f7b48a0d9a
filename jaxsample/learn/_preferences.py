"""Preference optimisation on pairs of texts."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsample.decode._model import Model
from jaxsample.learn._examples import Examples
from jaxsample.learn._likelihood import logprobs_of
from jaxsample.transforms.contract._chain import chain
from jaxsample.transforms.contract._transform import Transform


class Pairs(NamedTuple):
    """Pairs of texts: row i of `chosen` is preferred to row i of `rejected`.

    >>> logits = np.float32([[[2.0, 0.0]]])
    >>> chosen, rejected = (Examples(np.array([[token]]), logits=logits) for token in (0, 1))
    >>> Pairs(chosen, rejected).checked().tokens
    array([[0]])
    """

    chosen: Examples
    rejected: Examples

    @property
    def tokens(self) -> Any:
        """The tokens of the preferred texts."""
        return self.chosen.tokens

    @property
    def texts(self) -> Examples:
        """The preferred texts."""
        return self.chosen

    # An index selects rows of every array, where a plain tuple would select a field.
    def __getitem__(self, index: Any) -> Pairs:
        return Pairs(*(examples[index] for examples in self._asdict().values()))

    def checked(self) -> Pairs:
        """Return a copy with all lengths filled in.

        Raises:
            ValueError: as `Examples.checked`, and if the numbers of texts differ.
        """
        chosen, rejected = (examples.checked() for examples in self._asdict().values())
        if len(chosen.tokens) != len(rejected.tokens):
            raise ValueError(
                "pairs need as many chosen as rejected texts, got "
                f"{len(chosen.tokens)} and {len(rejected.tokens)}"
            )
        return Pairs(chosen, rejected)


@dataclasses.dataclass(frozen=True)
class Preferences:
    """Latent preference optimisation: an objective for `fit` on `Pairs`.

    The loss is -log sigmoid(strength (margin - margin of the model alone)). The margin is log p of
    the preferred text minus log p of the other text. The gradient reaches the hyperparameters
    through the log-probabilities of the tokens.

    Attributes:
        strength: weight of a margin; the larger it is, the closer the sampler stays to the model.

    Raises:
        ValueError: if strength is not > 0.

    Reference: Dhuliawala et al., 2024, https://arxiv.org/abs/2411.09661

    >>> logits = np.float32([[[2.0, 0.0]]])
    >>> chosen, rejected = (Examples(np.array([[token]]), logits=logits) for token in (0, 1))
    >>> pairs = Pairs(chosen, rejected).checked()
    >>> @jax.jit
    ... def loss(sampler):
    ...     return Preferences()(sampler, pairs, jax.random.key(0), None, None)[0]
    >>> bool(loss(Temperature(0.5)) < loss(Temperature(1.0)))  # colder favours what was preferred
    True
    """

    strength: float = 0.1

    def __post_init__(self):
        if not self.strength > 0:
            raise ValueError(f"strength must be > 0, got {self.strength!r}")

    def __call__(
        self, sampler: Transform, batch: Pairs, key: jax.Array, model: Model | None, params: Any
    ) -> tuple[jax.Array, jax.Array]:
        """Return the summed loss and the number of pairs."""
        del key
        margin = self._margin(sampler, batch, model, params)
        alone = self._margin(chain(), batch, model, params)
        loss = -jax.nn.log_sigmoid(self.strength * (margin - alone))
        return jnp.sum(loss), jnp.int32(len(batch.tokens))

    def _margin(self, sampler, batch, model, params):
        def total(examples):
            live = jnp.arange(examples.tokens.shape[1])[None] < examples.token_lengths[:, None]
            found = logprobs_of(sampler, examples, model, params)
            return jnp.sum(jnp.where(live, found, 0.0), axis=1)

        return total(batch.chosen) - total(batch.rejected)
