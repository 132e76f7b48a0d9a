"""Compilation for accelerators that are not here, for benchmarks/accelerators.py and the tests."""
