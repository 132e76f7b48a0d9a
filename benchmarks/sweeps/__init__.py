"""Parts of the benchmark of sweeps."""
