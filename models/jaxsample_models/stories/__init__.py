"""Stories from a probabilistic grammar whose exact next-token distribution is known."""

from .compiler import BOS as BOS
from .compiler import EOS as EOS
from .compiler import PAD as PAD
from .corpus import Corpus as Corpus
from .corpus import Stories as Stories
from .grammar import Grammar as Grammar
from .states import KINDS as KINDS
from .states import Distribution as Distribution
from .states import Parse as Parse
from .states import State as State
from .tokenizer import make_tokenizer as make_tokenizer
from .totals import expected as expected
from .totals import lengths as lengths
