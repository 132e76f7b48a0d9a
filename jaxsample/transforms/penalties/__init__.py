"""Penalties on tokens that depend on earlier tokens."""
