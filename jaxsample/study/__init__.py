"""What samplers do to a model's text: sweeps over settings, metrics, studies and their reports."""

from jaxsample.study.correlations import Correlation as Correlation
from jaxsample.study.correlations import correlation as correlation
from jaxsample.study.correlations import holm as holm
from jaxsample.study.cost import Cost as Cost
from jaxsample.study.cost import costs as costs
from jaxsample.study.creativity import creativity as creativity
from jaxsample.study.data import Item as Item
from jaxsample.study.data import Read as Read
from jaxsample.study.data import read as read
from jaxsample.study.edt import edt as edt
from jaxsample.study.measures import measure as measure
from jaxsample.study.metrics.aim import eda as eda
from jaxsample.study.metrics.distinct import distinct as distinct
from jaxsample.study.metrics.distinct import (
    expectation_adjusted_distinct as expectation_adjusted_distinct,
)
from jaxsample.study.metrics.distinct import repetition_rate as repetition_rate
from jaxsample.study.metrics.edits import edit_distance as edit_distance
from jaxsample.study.metrics.embedding import Projection as Projection
from jaxsample.study.metrics.embedding import cosine as cosine
from jaxsample.study.metrics.embedding import embed as embed
from jaxsample.study.metrics.embedding import pca as pca
from jaxsample.study.metrics.mtld import mtld as mtld
from jaxsample.study.metrics.overlap import Bleu as Bleu
from jaxsample.study.metrics.overlap import bleu as bleu
from jaxsample.study.metrics.overlap import rouge_l as rouge_l
from jaxsample.study.metrics.per_token import mean_entropy as mean_entropy
from jaxsample.study.metrics.per_token import mean_kept as mean_kept
from jaxsample.study.metrics.per_token import perplexity as perplexity
from jaxsample.study.metrics.self_bleu import self_bleu as self_bleu
from jaxsample.study.metrics.vendi import vendi as vendi
from jaxsample.study.presets import presets as presets
from jaxsample.study.settings import Setting as Setting
from jaxsample.study.settings import grid as grid
from jaxsample.study.settings import read_settings as read_settings
from jaxsample.study.source import Source as Source
from jaxsample.study.statistics import Interval as Interval
from jaxsample.study.statistics import mean as mean
from jaxsample.study.statistics import paired_difference as paired_difference
from jaxsample.study.surface import surface as surface
from jaxsample.study.sweep import Sweep as Sweep
from jaxsample.study.sweep import sweep as sweep
from jaxsample.study.temperatures import temperatures as temperatures
