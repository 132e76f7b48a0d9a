"""Slow and simple float64 oracles of transforms, one file for each family."""
