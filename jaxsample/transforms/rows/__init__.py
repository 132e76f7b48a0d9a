"""Rows of logits, as filters and temperatures see them."""
