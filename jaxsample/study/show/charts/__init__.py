"""Charts of a study as Vega-Lite specifications."""
