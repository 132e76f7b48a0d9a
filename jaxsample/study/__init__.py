"""What samplers do to a model's text: sweeps over settings, metrics, studies and their reports."""

from jaxsample.study.data import Item as Item
from jaxsample.study.settings import Setting as Setting
from jaxsample.study.settings import grid as grid
from jaxsample.study.settings import read_settings as read_settings
from jaxsample.study.source import Source as Source
from jaxsample.study.sweep import Sweep as Sweep
from jaxsample.study.sweep import sweep as sweep
