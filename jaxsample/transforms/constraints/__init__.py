"""Transforms that say which tokens may come, and lean towards some of them."""
