"""The code that all benchmarks share: turns, workers, reports and plots."""
