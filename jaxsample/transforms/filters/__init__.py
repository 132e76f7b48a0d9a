"""Transforms that drop unlikely tokens."""
