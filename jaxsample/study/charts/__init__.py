"""Charts of a study as Vega-Lite specifications, and as PNG.

A specification is a plain dict with its data inside; a page and a PNG show the same one. It holds
no colours of text or background: those belong to where it is shown, see `style`.
"""

from jaxsample.study.charts.curves import front as front
from jaxsample.study.charts.curves import lines as lines
from jaxsample.study.charts.marks import bars as bars
from jaxsample.study.charts.marks import heat as heat
from jaxsample.study.charts.marks import map_ as map_
from jaxsample.study.charts.picture import png as png
from jaxsample.study.charts.picture import style as style
