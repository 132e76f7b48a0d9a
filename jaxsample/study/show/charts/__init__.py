"""Charts of a study as Vega-Lite specifications, and as PNG.

A specification is a plain dict with its data inside; a page and a PNG show the same one. It holds
no colours of text or background: those belong to where it is shown, see `style`.
"""

from jaxsample.study.show.charts._curves import front as front
from jaxsample.study.show.charts._curves import lines as lines
from jaxsample.study.show.charts._marks import bars as bars
from jaxsample.study.show.charts._marks import heat as heat
from jaxsample.study.show.charts._marks import map_ as map_
from jaxsample.study.show.charts._picture import png as png
from jaxsample.study.show.charts._picture import style as style
