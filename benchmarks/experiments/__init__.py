"""Experiments that measure more than time."""
