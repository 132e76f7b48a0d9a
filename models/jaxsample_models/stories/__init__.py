"""Stories from a probabilistic grammar whose exact next-token distribution is known."""

from .compiler import BOS as BOS
from .compiler import EOS as EOS
from .compiler import PAD as PAD
from .corpus import Corpus as Corpus
from .corpus import Stories as Stories
from .grammar import KINDS as KINDS
from .grammar import Distribution as Distribution
from .grammar import Grammar as Grammar
from .grammar import Parse as Parse
from .grammar import State as State
from .grammar import expected as expected
from .grammar import lengths as lengths
from .tokenizer import make_tokenizer as make_tokenizer
