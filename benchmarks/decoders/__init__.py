"""The decode loops of benchmarks/decode.py and compile.py, one file for each decoder."""
