"""Pictures in notebooks and files: a row of logits that a sampler changed, and a tinted text."""

from jaxsample.drawing._characters import percent as percent
from jaxsample.drawing._curves import curve as curve
from jaxsample.show._cards import Cards
from jaxsample.show._explain import Explanation, explain
from jaxsample.show._names import name_of
from jaxsample.show._stages import Stage
from jaxsample.show._stages import entropy as entropy
from jaxsample.show._stages import numbers as numbers
from jaxsample.show._stages import probabilities as probabilities
from jaxsample.show._stages import staged as staged
from jaxsample.show._stages import stages as stages
from jaxsample.show._tint import TintedText, tint

# The other names are for the command line.
__all__ = ["Cards", "Explanation", "Stage", "TintedText", "explain", "name_of", "tint"]
