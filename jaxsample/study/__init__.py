"""Sweeps over sampler settings, metrics of the texts, and studies with reports."""

from jaxsample.study.draw._data import Read as Read
from jaxsample.study.draw._data import read as read
from jaxsample.study.draw._data import read_each as read_each
from jaxsample.study.draw._data import text_of as text_of
from jaxsample.study.draw._few_shot import few_shot as few_shot
from jaxsample.study.draw._item import Item as Item
from jaxsample.study.draw._settings import Setting as Setting
from jaxsample.study.draw._settings import grid as grid
from jaxsample.study.draw._settings import read_settings as read_settings
from jaxsample.study.draw._source import Source as Source
from jaxsample.study.draw._sweep import Sweep as Sweep
from jaxsample.study.draw._sweep import sweep as sweep
from jaxsample.study.measures._by_prompt import measure as measure
from jaxsample.study.measures._correlations import Correlation as Correlation
from jaxsample.study.measures._correlations import correlation as correlation
from jaxsample.study.measures._correlations import holm as holm
from jaxsample.study.measures._cost import Cost as Cost
from jaxsample.study.measures._cost import costs as costs
from jaxsample.study.measures._statistics import Interval as Interval
from jaxsample.study.measures._statistics import mean as mean
from jaxsample.study.measures._statistics import paired_difference as paired_difference
from jaxsample.study.measures._temperatures import temperatures as temperatures
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
from jaxsample.study.measures.metrics._pass_at_k import pass_at_k as pass_at_k
from jaxsample.study.measures.metrics._per_token import mean_entropy as mean_entropy
from jaxsample.study.measures.metrics._per_token import mean_kept as mean_kept
from jaxsample.study.measures.metrics._per_token import perplexity as perplexity
from jaxsample.study.measures.metrics._self_bleu import self_bleu as self_bleu
from jaxsample.study.measures.metrics._slots import realised as realised
from jaxsample.study.measures.metrics._slots import slot_share as slot_share
from jaxsample.study.measures.metrics._slots import slots_of as slots_of
from jaxsample.study.measures.metrics._vendi import vendi as vendi
from jaxsample.study.protocols._creativity import creativity as creativity
from jaxsample.study.protocols._edt import edt as edt
from jaxsample.study.protocols._preset_comparison import presets as presets
from jaxsample.study.protocols._protocol import Options as Options
from jaxsample.study.protocols._protocol import Protocol as Protocol
from jaxsample.study.protocols._protocols import PROTOCOLS as PROTOCOLS
from jaxsample.study.protocols._surface import surface as surface
from jaxsample.study.show.charts._picture import write_png as write_png
from jaxsample.study.show.report._contents import read_results as read_results
from jaxsample.study.show.report._page import write_report as write_report
