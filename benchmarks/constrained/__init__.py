"""What the benchmark of constraints compiles, times and shows."""
