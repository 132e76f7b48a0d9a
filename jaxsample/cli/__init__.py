"""The command line. JAX, models and plotting libraries are imported only when needed."""
