"""Constraints on tokens, and biases towards them."""
