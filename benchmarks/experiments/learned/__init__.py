"""Worlds whose right answer is known exactly, to hold learned decoding to."""
