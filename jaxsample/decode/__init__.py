"""The decode loop: models, prefill, step, generate, resume, stream, score."""
