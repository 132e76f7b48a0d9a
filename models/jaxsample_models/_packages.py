"""The package that all models need, in the extra `models`."""

try:
    from flax import nnx as nnx
except ImportError as error:
    raise ImportError("jaxsample_models needs flax: pip install 'jaxsample[models]'") from error
