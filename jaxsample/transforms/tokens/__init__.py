"""Histories of tokens and finite arithmetic, for transforms that depend on token ids."""
