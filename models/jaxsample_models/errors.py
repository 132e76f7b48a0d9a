"""The one error of loading and saving."""


class CheckpointError(ValueError):
    """A folder that is not a model this package can read or write, and what to do about it."""
