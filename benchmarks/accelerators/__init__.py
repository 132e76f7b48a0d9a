"""The items of benchmarks/gpu.py, one file each, and the script that runs one of them."""
