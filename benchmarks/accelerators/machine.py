"""The device, the versions and the load, found in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report import environment


def run(given) -> Iterator[dict]:
    """Yield the environment of the results."""
    del given
    yield environment(("torch", "flashinfer-python"))
