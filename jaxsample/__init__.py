"""Decoding for JAX: sampling transforms that compose, compile once, and can be learned."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxsample._door import *  # noqa: F403
    from jaxsample._door import __all__ as __all__

    __version__: str
else:

    def __getattr__(name):
        """Import the library when a name is first used, so that `jaxsample --help` needs no JAX."""
        if name == "__version__":
            from importlib.metadata import PackageNotFoundError, version

            try:
                return version("jaxsample")
            except PackageNotFoundError:  # a source tree that is not installed
                return "unknown"
        if name == "__all__" or not name.startswith("_"):
            from jaxsample import _door

            globals().update({public: getattr(_door, public) for public in _door.__all__})
            globals()["__all__"] = _door.__all__
            if name in globals():
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return [*__getattr__("__all__"), "__version__"]
