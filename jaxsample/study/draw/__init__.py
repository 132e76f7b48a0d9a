"""Draw texts for a study: prompts, settings, sweeps and the rows on disk."""
