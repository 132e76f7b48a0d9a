"""Transforms that make tokens less likely for what came before."""
