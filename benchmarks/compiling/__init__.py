"""What benchmarks/compile.py measures: fresh processes, new settings, structures, eager calls."""
