"""Policy gradient on texts that the sampler draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode._generate import generate
from jaxsample.decode._model import Model
from jaxsample.decode._sampler_axes import repeat_rows
from jaxsample.kernels._auto_axes import alike, in_auto, rows
from jaxsample.learn._credit import Credit, Group
from jaxsample.learn._examples import Examples
from jaxsample.learn._likelihood import logprobs
from jaxsample.transforms.contract._transform import Transform


@dataclasses.dataclass(frozen=True)
class PolicyGradient:
    """Draw texts and raise the probability of those with a large advantage.

    An objective for `fit` (REINFORCE). The actions are the tokens, and their log-probability has an
    exact gradient in the hyperparameters. Rewards are not divided by their standard deviation.

    Attributes:
        credit: `Group -> Credit`, such as `KernelScore(hamming)` or `Rewards(reward)`.
        samples: texts per prompt, K.
        max_new_tokens: the largest length of a text.
        eos: token ids that end a text.
        slots: how many texts are drawn at a time; one that ends makes room for the next. The texts
            are the same. None draws all at once, until the longest ends.

    Raises:
        ValueError: if the credit needs more samples.

    Reference: Williams, 1992, https://doi.org/10.1007/BF00992696

    >>> from jaxsample.learn import KernelScore, hamming
    >>> objective = PolicyGradient(KernelScore(hamming), samples=3, max_new_tokens=2)
    >>> texts = Examples(np.array([[1, 2]]), prompts=np.array([[0]])).checked()
    >>> objective.value(TopK(1), texts, jax.random.key(0), bigram, table)[0]  # all equal the text
    Array(-1., dtype=float32)
    """

    credit: Callable[[Group], Credit]
    samples: int
    max_new_tokens: int
    eos: tuple[int, ...] = ()
    slots: int | None = None

    def __post_init__(self):
        object.__setattr__(self, "eos", tuple(int(t) for t in self.eos))
        least = getattr(self.credit, "least", 2)
        if self.samples < least:
            raise ValueError(f"samples must be >= {least} for this credit, got {self.samples!r}")

    def __call__(
        self, sampler: Transform, batch: Examples, key: jax.Array, model: Model, params: Any
    ) -> tuple[jax.Array, jax.Array]:
        """Return the summed loss of the groups, and the number of groups.

        The loss of a group is minus the mean of advantage times log-probability. Its expected
        gradient is that of minus the value of the group.
        """
        tokens, lengths, credit = self._draw(sampler, batch, key, model, params)
        count, samples, width = tokens.shape
        prompts = jnp.asarray(batch.prompts), jnp.asarray(batch.lengths)
        prompts = in_auto(lambda prompts: repeat_rows(prompts, samples), alike)(prompts)
        texts = Examples(tokens.reshape(count * samples, width), lengths.reshape(-1), *prompts)
        live = jnp.arange(width)[None] < texts.token_lengths[:, None]
        logprob = jnp.where(live, logprobs(sampler, texts, model, params), 0.0)
        total = jnp.sum(logprob, axis=1).reshape(count, samples)
        loss = -jnp.mean(credit.advantages * total, axis=1)
        return jnp.sum(loss), jnp.int32(count)

    def value(
        self, sampler: Transform, batch: Examples, key: jax.Array, model: Model, params: Any
    ) -> tuple[jax.Array, jax.Array]:
        """Return minus the summed value of the groups, and the number of groups."""
        credit = self._draw(sampler, batch, key, model, params)[2]
        return -jnp.sum(credit.value), jnp.int32(len(batch.tokens))

    def _draw(self, sampler, batch, key, model, params):
        if batch.prompts is None or model is None:
            raise ValueError(
                "PolicyGradient draws texts, which works only with a model and prompts"
            )
        fixed = jax.tree.map(lambda x: lax.stop_gradient(jnp.asarray(x)), sampler)
        drawn = generate(
            key,
            model,
            params,
            jnp.asarray(batch.prompts),
            fixed,
            lengths=jnp.asarray(batch.lengths),
            max_new_tokens=self.max_new_tokens,
            eos=self.eos,
            samples=self.samples,
            slots=self.slots,
            record=(),
        )
        groups = Group(
            drawn.tokens,
            drawn.lengths,
            jnp.asarray(batch.tokens),
            jnp.asarray(batch.token_lengths),
            jnp.asarray(batch.prompts),
            jnp.asarray(batch.lengths),
        )
        credit = in_auto(jax.vmap(self.credit), lambda groups: rows(groups.tokens))(groups)
        return drawn.tokens, drawn.lengths, lax.stop_gradient(credit)
