"""Stories from a probabilistic grammar whose exact next-token distribution is known."""

from ._compiler import BOS as BOS
from ._compiler import EOS as EOS
from ._compiler import PAD as PAD
from ._corpus import Corpus as Corpus
from ._corpus import Stories as Stories
from ._grammar import Grammar as Grammar
from ._reading import Reading as Reading
from ._reading import read as read
from ._states import KINDS as KINDS
from ._states import Distribution as Distribution
from ._states import Parse as Parse
from ._states import State as State
from ._tokenizer import make_tokenizer as make_tokenizer
from ._totals import expected as expected
from ._totals import lengths as lengths
