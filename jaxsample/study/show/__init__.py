"""Show a study: its folder, tables, charts and report."""
