"""Measures of texts, with confidence intervals."""
