"""Samplers as other systems write them down."""
