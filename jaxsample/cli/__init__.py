"""The command line; nothing here imports jax, a model or a plotting library until it is needed."""
