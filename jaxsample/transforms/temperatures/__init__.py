"""Transforms that sharpen or flatten a distribution."""
