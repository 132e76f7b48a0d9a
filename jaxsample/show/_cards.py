"""The members of a sampler as cards."""

from __future__ import annotations

import dataclasses

from jaxsample.drawing._picture import Picture
from jaxsample.transforms.contract._cards import drawn, title_of
from jaxsample.transforms.contract._chain import Chain
from jaxsample.transforms.contract._transform import Transform


@dataclasses.dataclass(frozen=True, eq=False)
class Cards(Picture):
    """The picture of a sampler that a notebook shows, for a file.

    Each member is a card with its values, in the order in which they run. A bar shows where a
    number lies in its range, if the range is narrow.

    Attributes:
        sampler: a chain, or one transform.

    >>> from jaxsample.show import Cards
    >>> picture = Cards(chain(Temperature(0.8), TopP(0.9)))
    >>> picture.svg().count("<rect")  # a frame for each card, and a bar of two parts
    4
    """

    sampler: Transform

    def _title(self):
        return title_of(self._members)

    def _drawn(self):
        return drawn(self._members)

    @property
    def _members(self):
        return self.sampler.transforms if isinstance(self.sampler, Chain) else (self.sampler,)
