"""What the benchmarks share: turns, workers, reports, plots."""
