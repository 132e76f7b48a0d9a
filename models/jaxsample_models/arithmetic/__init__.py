"""Worked sums with random errors (slips) at known places, and their exact distribution."""

from ._corpus import Corpus as Corpus
from ._corpus import Worked as Worked
from ._exact import pass_at_1 as pass_at_1
from ._reward import right as right
from ._reward import right_text as right_text
from ._slips import FORGOTTEN as FORGOTTEN
from ._slips import KINDS as KINDS
from ._slips import LARGE as LARGE
from ._slips import MISCOUNTED as MISCOUNTED
from ._slips import PLAN_ODDS as PLAN_ODDS
from ._slips import kinds as kinds
from ._sums import BOS as BOS
from ._sums import EOS as EOS
from ._sums import PAD as PAD
from ._sums import PLANS as PLANS
from ._sums import answers as answers
from ._sums import draw_sums as draw_sums
from ._sums import prompts as prompts
from ._sums import solutions as solutions
from ._tokenizer import make_tokenizer as make_tokenizer
from ._tree import Chances as Chances
from ._tree import Tree as Tree
from ._tree import branches as branches
from ._tree import grow as grow
from ._tree import right_ones as right_ones
from ._tree import solved as solved
