"""The error of loading and saving."""


class CheckpointError(ValueError):
    """A folder that is not a model this package can read or write.

    The message names the file, the value found there and the remedy.

    >>> import jaxsample_models
    >>> try:
    ...     jaxsample_models.load("no/such/folder")
    ... except CheckpointError as error:
    ...     print(error)
    no/such/folder: no such folder or file; give the folder that holds config.json, a GGUF file, or
    one of the names smollm2
    """


CheckpointError.__module__ = "jaxsample_models"
