"""Pictures as text: SVG and HTML from plain numbers, with the standard library alone."""
