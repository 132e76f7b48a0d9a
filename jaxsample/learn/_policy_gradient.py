"""Policy gradient on texts that the sampler draws."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxsample.decode._answers import answers
from jaxsample.decode._generate import generate
from jaxsample.decode._model import Model
from jaxsample.decode._sampler_axes import repeat_rows
from jaxsample.kernels._auto_axes import alike, in_auto, rows
from jaxsample.learn._credit import Credit, Group
from jaxsample.learn._examples import Examples
from jaxsample.learn._restraint import weigh
from jaxsample.learn._rollouts import Rollouts
from jaxsample.learn._surrogate import NORMALIZERS, surrogate
from jaxsample.transforms.contract._transform import Transform


@dataclasses.dataclass(frozen=True)
class PolicyGradient:
    """Draw texts and raise the probability of those with a large advantage.

    An objective for `fit` (REINFORCE). The actions are the tokens, and their log-probability has an
    exact gradient in the hyperparameters. Rewards are not divided by their standard deviation.

    With `epochs`, a step of `fit` draws once and makes that many updates on the same texts. From
    the second epoch on, each token is weighted by the ratio of its probability to that at the draw.
    With `clip`, a token is ignored once its ratio has moved farther than `clip` from 1 in the
    direction of its advantage (PPO). A model with `unembed` reads the texts once for all epochs.

    `kl` and `entropy` add a cost to each token, computed from its whole row instead of the token
    that was drawn: kl KL(sampler || model) - entropy H(sampler). The costs of
    the tokens after a token are subtracted from its advantage; the baseline is their mean over the
    other texts of the group. So the gradient is that of the expected sum of the costs of a text.

    Attributes:
        credit: `Group -> Credit`, such as `KernelScore(hamming)` or `Rewards(reward)`.
        samples: texts per prompt, K.
        max_new_tokens: the largest length of a text.
        eos: token ids that end a text.
        slots: how many texts are drawn at a time; one that ends makes room for the next. The texts
            are the same. None draws all at once, until the longest ends.
        epochs: updates for each draw.
        clip: how far from 1 a ratio may move, > 0, often .2; None does not clip. The first epoch
            is the same with and without it.
        kl: factor of the KL divergence from the model's distribution at temperature 1, in nats per
            token, >= 0.
        entropy: factor of the entropy of the sampler's distribution, in nats per token, >= 0.
        normalize: the divisor of the sum over the tokens of a text. None does not divide: the
            gradient is unbiased, and long and short texts have the same weight. "token" divides by
            the mean length in the batch (DAPO). "text" divides by the text's own length (GRPO), and
            the gradient is biased towards short good texts and long bad ones.

    Raises:
        ValueError: if the credit needs more samples, or if an option is out of its range.

    References: Williams, 1992, https://doi.org/10.1007/BF00992696; clipping: Schulman et al., 2017,
    https://arxiv.org/abs/1707.06347; costs of rows: Amini et al., 2025,
    https://arxiv.org/abs/2504.10637; lengths: Liu et al., 2025, https://arxiv.org/abs/2503.20783

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
    epochs: int = 1
    clip: float | None = None
    kl: float = 0.0
    entropy: float = 0.0
    normalize: str | None = None

    def __post_init__(self):
        object.__setattr__(self, "eos", tuple(int(t) for t in self.eos))
        least = getattr(self.credit, "least", 2)
        if self.samples < least:
            raise ValueError(f"samples must be >= {least} for this credit, got {self.samples!r}")
        if not isinstance(self.epochs, int) or self.epochs < 1:
            raise ValueError(f"epochs must be an int >= 1, got {self.epochs!r}")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be > 0, or None for no clipping, got {self.clip!r}")
        for name in ("kl", "entropy"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)!r}")
        if self.normalize not in NORMALIZERS:
            raise ValueError(f"normalize must be among {NORMALIZERS}, got {self.normalize!r}")

    def __call__(
        self,
        sampler: Transform,
        batch: Examples | Rollouts,
        key: jax.Array,
        model: Model,
        params: Any,
    ) -> tuple[jax.Array, jax.Array]:
        """Return the summed loss, and the number of groups, or of tokens if it is per token.

        The loss of a group is minus the mean of advantage times log-probability, plus the costs.
        Its expected gradient is that of minus the value of the group, plus the costs.

        Args:
            sampler, key, model, params: as `fit` passes them.
            batch: prompts and references, or texts from `draw`.
        """
        drawn = batch
        if isinstance(drawn, Examples):
            drawn = self.draw(sampler, drawn, key, model, params)
        seen = weigh(sampler, drawn.texts, model, params, self.kl, self.entropy)
        loss = in_auto(functools.partial(surrogate, self.clip, self.normalize))
        return loss(drawn, seen.logprobs, seen.costs)

    def value(
        self, sampler: Transform, batch: Examples, key: jax.Array, model: Model, params: Any
    ) -> tuple[jax.Array, jax.Array]:
        """Return the summed costs of the groups minus their summed value, and their number."""
        drawn = self.draw(sampler, batch, key, model, params)
        total = -jnp.sum(drawn.value)
        if self.kl or self.entropy:
            costs = weigh(sampler, drawn.texts, model, params, self.kl, self.entropy).costs
            total += jnp.sum(costs) / self.samples
        return total, jnp.int32(len(batch.tokens))

    def draw(
        self, sampler: Transform, batch: Examples, key: jax.Array, model: Model, params: Any
    ) -> Rollouts:
        """Draw the texts of all prompts, and credit them.

        Raises:
            ValueError: if there is no model or no prompt.
        """
        if batch.prompts is None or model is None:
            raise ValueError(
                "PolicyGradient draws texts, which works only with a model and prompts"
            )
        several = self.epochs > 1
        fixed = jax.tree.map(lambda x: lax.stop_gradient(jnp.asarray(x)), sampler)
        prompts, lengths = jnp.asarray(batch.prompts), jnp.asarray(batch.lengths)
        drawn = generate(
            key,
            model,
            params,
            prompts,
            fixed,
            lengths=lengths,
            max_new_tokens=self.max_new_tokens,
            eos=self.eos,
            samples=self.samples,
            slots=self.slots,
            record=("logprobs",) if several else (),
        )
        groups = Group(
            drawn.tokens,
            drawn.lengths,
            jnp.asarray(batch.tokens),
            jnp.asarray(batch.token_lengths),
            prompts,
            lengths,
        )
        credit = in_auto(jax.vmap(self.credit), lambda groups: rows(groups.tokens))(groups)
        credit = lax.stop_gradient(credit)
        _, samples, width = drawn.tokens.shape
        repeat = in_auto(lambda prompts: repeat_rows(prompts, samples), alike)
        prompts, lengths = repeat((prompts, lengths))
        tokens, token_lengths = drawn.tokens.reshape(-1, width), drawn.lengths.reshape(-1)
        texts = Examples(tokens, token_lengths, prompts, lengths)
        if several and model.unembed is not None:
            hidden = answers(model, params, prompts, lengths, tokens, token_lengths)[1]
            texts = texts._replace(hidden=hidden)
        return Rollouts(texts, credit.advantages, credit.value, drawn.logprobs, jnp.bool_(True))
