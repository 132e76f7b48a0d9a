"""Flax (nnx) transformers for jaxsample, and the story model that runs without a download."""
