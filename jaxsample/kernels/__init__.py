"""Array kernels, which know nothing of transforms."""
