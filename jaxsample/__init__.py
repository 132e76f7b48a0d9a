"""Decoding for JAX: sampling transforms that compose, compile once, and can be learned."""
