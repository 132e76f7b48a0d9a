"""Array kernels, independent of transforms."""
