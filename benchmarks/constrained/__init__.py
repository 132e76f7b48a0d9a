"""The cases, runs and tables of benchmarks/constraints.py, and the suites of schemas.py."""
