"""A learned sampler compared with tuned ones on a real model, by a reward that can be checked."""
