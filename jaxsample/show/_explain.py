"""The next token before and after each member of a sampler."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxsample.drawing._bars import Panel, bars
from jaxsample.drawing._curves import curve
from jaxsample.drawing._picture import Drawn, Picture, under
from jaxsample.show._names import name_of
from jaxsample.show._stages import Stage, entropy, numbers, probabilities, staged, stages
from jaxsample.show._table import table
from jaxsample.transforms.contract._chain import Chain, chain
from jaxsample.transforms.contract._transform import Transform


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Explanation(Picture):
    """A row of logits and how each member of a sampler changed it; `explain` makes one.

    A notebook shows a picture of it, and a terminal shows a table. `save` writes the picture. Its
    first part has bars of the likeliest tokens for each member. Grey bars are the probabilities
    before the member, and blue bars those after it. A cross marks a token that the member dropped.
    The second part is a curve of the whole distribution.

    Attributes:
        logits: `[V]` float64, from the model.
        stages: a `Stage` for each member, in the order they ran.
        tokens: `[N]` the ids of the tokens that are shown, likeliest first.
        names: their texts.

    >>> from jaxsample.show import explain
    >>> explain(jnp.log(jnp.array([0.5, 0.3, 0.2])), chain(Temperature(0.5), TopP(0.7)))
    next token   the model  Temperature 0.5  TopP 0.7
    0                50.0%            65.8%     73.5%
    1                30.0%            23.7%     26.5%
    2                20.0%            10.5%         ✕
    entropy          1.030            0.854     0.578
    kept                 3                3         2
    cut                                        10.53%
    temperature                        0.5
    """

    logits: np.ndarray
    stages: Sequence[Stage]
    tokens: np.ndarray
    names: Sequence[str]

    def _title(self):
        labels = [stage.label for stage in self.stages] or ["the model"]
        return f"The next token after {', '.join(labels)}"

    @property
    def bars(self) -> Picture:
        """The bars alone."""
        return _Part(self._title(), self._bars())

    @property
    def curve(self) -> Picture:
        """The curve alone."""
        return _Part("Probabilities by rank, before and after the sampler", self._curve())

    def __repr__(self):
        return table(self.logits, self.stages, self.tokens, self.names)

    def _drawn(self):
        return under(self._bars(), self._curve())

    def _bars(self):
        panels = [self._panel(stage) for stage in self.stages] or [self._model()]
        return bars(self.names, len(self.logits) - len(self.tokens), panels)

    def _model(self):
        raw = probabilities(self.logits)
        shown, others = self._split(raw)
        notes = [f"entropy {entropy(raw):.3f} nats"]
        return Panel("the model", "", None, shown, [False] * len(shown), others, notes)

    def _panel(self, stage):
        (before, _), (after, others) = self._split(stage.before), self._split(stage.after)
        dropped = stage.cut[self.tokens].tolist()
        nats, kept, cut, temperature = numbers(stage)
        notes = [f"entropy {nats}"]
        if cut:
            notes += [f"tokens {kept}", f"cuts {cut} of the mass"]
        if temperature:
            notes.append(f"temperature {temperature}")
        return Panel(stage.name, stage.values, before, after, dropped, others, notes)

    def _split(self, probs):
        shown = probs[self.tokens]
        return shown.tolist(), max(0.0, 1 - float(shown.sum()))

    def _curve(self):
        raw = probabilities(self.logits)
        both = raw, *(stage.after for stage in self.stages[-1:])
        return curve(*(np.sort(p[p > 0])[::-1].tolist() for p in both))


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class _Part(Picture):
    name: str
    drawn: Drawn

    def _title(self):
        return self.name

    def _drawn(self):
        return self.drawn


def explain(
    logits: Any,
    sampler: Transform,
    tokenizer: Any = None,
    *,
    prompt: Sequence[int] | None = None,
    state: Any = None,
    hidden: jax.Array | None = None,
    shown: int = 12,
) -> Explanation:
    """Run the members of a sampler one after the other, and show the next token after each.

    Args:
        logits: `[V]`; pick a row of a batch, such as `logits[0]`.
        sampler: a chain, or one transform.
        tokenizer: a `tokenizers.Tokenizer` for the texts of tokens; without it they are ids.
        prompt: the token ids before, for transforms and texts that depend on them.
        state: the sampler's state after the tokens before, if it has one to continue from; by
            default the prompt is all that came before.
        hidden: `[D]`, the model's hidden state, for transforms that need it.
        shown: how many tokens to show.

    Raises:
        ValueError: if `logits` is not one row, if it holds a NaN, +inf or only -inf, if a member
            returns such a row, if a member needs a prompt or a hidden state that is not given, or
            if `shown` is less than 1.

    >>> from jaxsample.show import explain
    >>> row = explain(jnp.log(jnp.array([0.5, 0.3, 0.2])), chain(Temperature(0.5), TopP(0.7)))
    >>> [stage.kept for stage in row.stages], row._repr_html_()[:4]
    ([3, 2], '<svg')
    """
    row = np.asarray(logits, np.float64)
    if row.ndim != 1 or not row.size:
        raise ValueError(f"explain takes one row [V], got {list(row.shape)}; pick one: logits[0]")
    if shown < 1:
        raise ValueError(f"shown must be at least 1, got {shown}")
    members = list(chain(sampler))
    if state is None:
        found = stages(row, members, prompt, hidden)
    else:
        states = state if isinstance(sampler, Chain) else (state,)
        found = staged(row, zip(members, states, strict=True), hidden)
    tokens = np.argsort(-row, kind="stable")[:shown]
    tokens = tokens[np.isfinite(row[tokens])]
    names = [
        str(token) if tokenizer is None else name_of(tokenizer, prompt or (), token)
        for token in tokens.tolist()
    ]
    return Explanation(row, tuple(found), tokens, tuple(names))
