"""Learned samplers compared with tuned ones, in worlds whose best sampler is known exactly."""
