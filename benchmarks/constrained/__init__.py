"""The cases, runs and tables of benchmarks/constraints.py."""
