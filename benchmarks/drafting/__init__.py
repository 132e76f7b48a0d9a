"""Drafts for `speculation.py`, and how often they are right."""
