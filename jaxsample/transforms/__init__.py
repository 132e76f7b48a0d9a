"""Sampling transforms: frozen pytrees from one row of logits to another."""
