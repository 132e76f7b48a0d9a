"""Metrics as functions of texts, of lists of tokens, or of numbers per token."""

from jaxsample.study.measures.metrics._aim import eda as eda
from jaxsample.study.measures.metrics._distinct import distinct as distinct
from jaxsample.study.measures.metrics._distinct import (
    expectation_adjusted_distinct as expectation_adjusted_distinct,
)
from jaxsample.study.measures.metrics._distinct import repetition_rate as repetition_rate
from jaxsample.study.measures.metrics._edits import edit_distance as edit_distance
from jaxsample.study.measures.metrics._embedding import Projection as Projection
from jaxsample.study.measures.metrics._embedding import cosine as cosine
from jaxsample.study.measures.metrics._embedding import embed as embed
from jaxsample.study.measures.metrics._embedding import pca as pca
from jaxsample.study.measures.metrics._mtld import mtld as mtld
from jaxsample.study.measures.metrics._overlap import Bleu as Bleu
from jaxsample.study.measures.metrics._overlap import bleu as bleu
from jaxsample.study.measures.metrics._overlap import rouge_l as rouge_l
from jaxsample.study.measures.metrics._per_token import mean_entropy as mean_entropy
from jaxsample.study.measures.metrics._per_token import mean_kept as mean_kept
from jaxsample.study.measures.metrics._per_token import perplexity as perplexity
from jaxsample.study.measures.metrics._self_bleu import self_bleu as self_bleu
from jaxsample.study.measures.metrics._slots import realised as realised
from jaxsample.study.measures.metrics._slots import slot_share as slot_share
from jaxsample.study.measures.metrics._slots import slots_of as slots_of
from jaxsample.study.measures.metrics._vendi import vendi as vendi
