"""The output of a study: its folder, tables, charts and report."""
