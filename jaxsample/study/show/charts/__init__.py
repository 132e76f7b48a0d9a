"""Charts of a study as Vega-Lite specifications that hold their data."""
