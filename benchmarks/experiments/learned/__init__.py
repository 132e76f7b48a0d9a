"""Learned samplers against tuned ones, in worlds whose right answer is known exactly."""
