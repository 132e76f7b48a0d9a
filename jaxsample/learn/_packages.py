"""The packages that training needs, in the extra `learn`."""

try:
    import optax as optax
    from flax import nnx as nnx
except ImportError as error:
    raise ImportError(
        "jaxsample.learn needs flax and optax: pip install 'jaxsample[learn]'"
    ) from error
